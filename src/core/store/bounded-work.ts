/** At most so many pieces of work at a time; the others wait in the order in which they came. */

/** `bounded(8)` gives a function that runs what it is given, never more than 8 at once. */
export function bounded(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= limit) await new Promise<void>((start) => waiting.push(start));
    else running++;
    try {
      return await work();
    } finally {
      // A place that is handed over is never free in between, so nobody comes in by the side.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
