/**
 * Gathers items into batches, capped by bytes and count, and keeps a few deliveries under way. A batch that is not full goes off
 * when nothing has come for a moment: `tail -f | keystone ingest send` must not wait for the 500th line.
 */
export interface BatchWindow<Item> {
  /** Takes an item; resolves when there is room for the next. Rejects with the first delivery's error, and takes nothing more. */
  add(item: Item, sizeBytes: number): Promise<void>;
  /** Resolves once everything added is delivered. */
  flush(): Promise<void>;
  /** Drops what is not under way. */
  close(): void;
}

export interface BatchWindowOptions<Item> {
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Deliveries under way at once. */
  readonly window: number;
  /** Called in the order of the items, without waiting for the delivery before. */
  readonly deliver: (batch: readonly Item[]) => Promise<void>;
}

const IDLE_MS = 20;

export function createBatchWindow<Item>({ maxItems, maxBytes, window, deliver }: BatchWindowOptions<Item>): BatchWindow<Item> {
  const underWay = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  let filling: Item[] = [];
  let fillingBytes = 0;
  let idle: NodeJS.Timeout | undefined;

  const throwIfFailed = (): void => {
    if (failed) throw failed.error;
  };
  const cut = async (): Promise<void> => {
    throwIfFailed();
    while (underWay.size >= window) await Promise.race(underWay);
    throwIfFailed();
    // The idle timer may have cut meanwhile.
    if (filling.length === 0) return;
    const batch = filling;
    filling = [];
    fillingBytes = 0;
    const delivery: Promise<void> = deliver(batch)
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => underWay.delete(delivery));
    underWay.add(delivery);
  };
  const onIdle = (): void => {
    idle = undefined;
    // A failure is kept and meets the next add or flush.
    cut().catch(() => undefined);
  };

  return {
    async add(item, sizeBytes) {
      if (filling.length >= maxItems || (filling.length > 0 && fillingBytes + sizeBytes > maxBytes)) await cut();
      throwIfFailed();
      filling.push(item);
      fillingBytes += sizeBytes;
      if (idle) idle.refresh();
      else idle = setTimeout(onIdle, IDLE_MS);
    },
    async flush() {
      clearTimeout(idle);
      idle = undefined;
      await cut();
      await Promise.all(underWay);
      throwIfFailed();
    },
    close() {
      clearTimeout(idle);
      filling = [];
    },
  };
}
