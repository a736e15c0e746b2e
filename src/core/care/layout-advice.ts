/**
 * Which layout fits how much arrives a day: day to begin with, hour from 1 TB a day, hour and buckets of the source from 10 TB a day.
 * Finer ones earlier would cut small files only.
 */

const TB = 1e12;
const HOURLY_FROM_BYTES = TB;
const BUCKETS_FROM_BYTES = 10 * TB;
/** What one bucket of an hour should not exceed by much: the files of a partition are read and compacted together. */
const BUCKET_BYTES = 32e9;

export interface DayBytes {
  /** `2017-10-02`, UTC. */
  readonly day: string;
  /** Of data files, compressed. */
  readonly bytes: number;
}

export interface LayoutAdvice {
  /** As `table layout --to` takes it. */
  readonly layout: string;
  /** Compressed bytes a day that the advice goes by. */
  readonly bytesPerDay: number;
  /** Whole days that the mean is of; 0: today alone, as far as it has come. */
  readonly wholeDays: number;
  readonly reason: string;
}

/** `days`: the last ones in order, today last. Days before the first event do not count, nor does today once there is a whole day. */
export function adviseLayout(days: readonly DayBytes[]): LayoutAdvice {
  const first = days.findIndex(({ bytes }) => bytes > 0);
  const whole = first === -1 ? [] : days.slice(first, -1);
  const bytesPerDay =
    whole.length > 0 ? whole.reduce((sum, { bytes }) => sum + bytes, 0) / whole.length : (days.at(-1)?.bytes ?? 0);
  const span =
    whole.length > 0 ? `a day over the last ${whole.length} whole day${whole.length === 1 ? '' : 's'}` : 'today so far';
  return {
    layout: layoutFor(bytesPerDay),
    bytesPerDay,
    wholeDays: whole.length,
    reason: `${bytesText(bytesPerDay)} ${span}; hour from 1 TB a day, hour with buckets of the source from 10 TB a day`,
  };
}

function layoutFor(bytesPerDay: number): string {
  if (bytesPerDay < HOURLY_FROM_BYTES) return 'day';
  if (bytesPerDay < BUCKETS_FROM_BYTES) return 'hour';
  const buckets = 2 ** Math.ceil(Math.log2(bytesPerDay / 24 / BUCKET_BYTES));
  return `hour+bucket:${Math.min(1024, Math.max(16, buckets))}:source`;
}

/** `1.2 GB`: decimal units, as the configuration reads them. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? Math.round(bytes) : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
