/**
 * Connections to PostgreSQL that hold in front of a transaction-mode pooler (PgBouncer, RDS Proxy): each piece of work is one transaction,
 * nothing is set for longer than it, no statement is named. What takes too long is cut off, on both sides.
 */
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { Pool, types, type PoolClient } from 'pg';
import type { PostgresAddress } from './postgres-address.js';
import type { StateSchema } from './state-schema.js';

export interface PostgresConnections {
  /** One transaction. A failure, or `withinMs` gone by, leaves nothing done and the connection thrown away where it may be bad. */
  transact<T>(withinMs: number, work: (trx: Transaction<StateSchema>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5000;
const IDLE_MS = 30_000;
/** A process that is suspended inside of a transaction gives its row locks back after this time. */
const IDLE_IN_TRANSACTION_MS = 5000;
/** The server cancels first, so that its reason is known; a server that cannot be reached does not. */
const GRACE_MS = 1000;

/** Numbers up to 2^53: milliseconds and counters. */
const asNumber = (text: string): number => Number(text);

export function openPostgresConnections(address: PostgresAddress, poolSize: number): PostgresConnections {
  const pool = new Pool({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    // Without one, pg would look into the environment and the user's home.
    password: address.password ?? '',
    ssl: address.tls,
    max: poolSize,
    application_name: address.applicationName,
    connectionTimeoutMillis: address.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    allowExitOnIdle: true,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === types.builtins.INT8 ? asNumber : types.getTypeParser(oid, format),
    },
  });
  // A server that restarts ends idle connections, and those in use too: whoever uses one hears of it by its query.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));

  let closed: Promise<void> | undefined;
  return {
    transact: async (withinMs, work) => {
      let client: PoolClient | undefined;
      let isOver = false;
      const release = (bad?: Error): void => {
        client?.release(bad);
        client = undefined;
      };
      const connected = pool.connect().then((found) => {
        if (isOver) {
          found.release();
          throw new Error('connected too late');
        }
        client = found;
        return found;
      });
      const done = connected.then((found) => inTransaction(found, withinMs, work));
      try {
        return await before(withinMs + GRACE_MS, done);
      } catch (error) {
        // Ends the connection whatever hangs on it. A rollback may have failed as well: a fresh connection is cheap.
        release(error instanceof Error ? error : new Error('failed'));
        throw error;
      } finally {
        isOver = true;
        release();
      }
    },
    close: () => (closed ??= pool.end()),
  };
}

function inTransaction<T>(client: PoolClient, withinMs: number, work: (trx: Transaction<StateSchema>) => Promise<T>): Promise<T> {
  // Kysely on this one connection: it is given back by its caller.
  const one = { query: client.query.bind(client), release: () => undefined };
  const dialect = new PostgresDialect({ pool: { connect: async () => one, end: async () => undefined } });
  return new Kysely<StateSchema>({ dialect }).transaction().execute(async (trx) => {
    const [statement, idle] = [String(Math.max(1, Math.ceil(withinMs))), String(IDLE_IN_TRANSACTION_MS)];
    await sql`SELECT set_config('statement_timeout', ${statement}, true), set_config('idle_in_transaction_session_timeout', ${idle}, true)`.execute(
      trx,
    );
    return work(trx);
  });
}

/** What `work` does after the time is up is its own: nobody waits for it. */
async function before<T>(withinMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timeout exceeded: no answer within ${Math.round(withinMs)} ms`)), withinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
