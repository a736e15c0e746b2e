/** How fast a partition fills and empties, over a window that slides with the samples. */

/** Where a partition stood at a moment. */
export interface OffsetPoint {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly endOffset: number;
  readonly lakeOffset: number;
}

/** Events per second over the window. */
export interface Rates {
  /** Appended to the log. */
  readonly inPerSecond: number;
  /** Landed in bronze. */
  readonly outPerSecond: number;
  /** What the rates were measured over: less than the window while the watch is young. */
  readonly spanSeconds: number;
}

/**
 * The points with a newer one behind them and those that the window has left in front of them cut off. Begins anew where rates
 * across would mean nothing: when an offset fell (a topic made anew, a rollback) or the clock went back.
 */
export function withPoint(points: readonly OffsetPoint[], point: OffsetPoint, windowMs: number): readonly OffsetPoint[] {
  const last = points.at(-1);
  if (last && (point.atMs <= last.atMs || point.endOffset < last.endOffset || point.lakeOffset < last.lakeOffset)) return [point];
  return [...points.filter(({ atMs }) => atMs >= point.atMs - windowMs), point];
}

/** From the oldest point to the newest; null until there are two. */
export function ratesOf(points: readonly OffsetPoint[]): Rates | null {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || last.atMs <= first.atMs) return null;
  const spanSeconds = (last.atMs - first.atMs) / 1000;
  return {
    inPerSecond: (last.endOffset - first.endOffset) / spanSeconds,
    outPerSecond: (last.lakeOffset - first.lakeOffset) / spanSeconds,
    spanSeconds,
  };
}
