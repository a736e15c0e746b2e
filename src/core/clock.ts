/** Time as a parameter: tests and drills pass their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** ISO 8601 in UTC, of milliseconds since the epoch. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
