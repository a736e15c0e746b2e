/**
 * Which connection makes room for a new one when a door is full: first the one that has been open longest without one whole
 * request, then the one that has been idle longest. So thousands of connections that only dribble push out each other, and not
 * the clients that work.
 */
export interface ConnectionRoom<Connection> {
  /** Takes the connection, and answers which one has to go for it: none, another, or itself when all others are at work. */
  enter(connection: Connection): Connection | null;
  /** It has sent a whole request. */
  proved(connection: Connection): void;
  /** It has calls open, or none. */
  busy(connection: Connection): void;
  idle(connection: Connection): void;
  leave(connection: Connection): void;
  size(): number;
}

export function connectionRoom<Connection>(maxConnections: number): ConnectionRoom<Connection> {
  // Sets keep the order of insertion: the first is the oldest.
  const unproven = new Set<Connection>();
  const idle = new Set<Connection>();
  const busy = new Set<Connection>();

  const oldestOf = (set: ReadonlySet<Connection>): Connection | undefined => set.values().next().value;
  const size = (): number => unproven.size + idle.size + busy.size;
  const remove = (connection: Connection): boolean =>
    unproven.delete(connection) || idle.delete(connection) || busy.delete(connection);

  return {
    enter(connection) {
      let displaced: Connection | null = null;
      if (size() >= maxConnections) {
        displaced = oldestOf(unproven) ?? oldestOf(idle) ?? connection;
        remove(displaced);
      }
      if (displaced !== connection) unproven.add(connection);
      return displaced;
    },
    proved(connection) {
      if (unproven.delete(connection)) busy.add(connection);
    },
    busy(connection) {
      if (idle.delete(connection)) busy.add(connection);
    },
    idle(connection) {
      if (busy.delete(connection)) idle.add(connection);
    },
    leave(connection) {
      remove(connection);
    },
    size,
  };
}
