/** The layouts that `table layout` knows for bronze.events, as it writes them: `day`, `hour`, `hour+bucket:16:source`. */
import { KeystoneError } from '../errors.js';
import type { PartitionField } from '../table/table-api.js';

/** Columns whose values spread over buckets: who sent the event, and of what dataset. */
const BUCKET_COLUMNS: ReadonlySet<string> = new Set(['source', 'dataset']);
const MAX_BUCKETS = 1024;

const FORM = 'A layout is day, hour, or either with buckets: hour+bucket:16:source.';

/** Throws KS_USAGE when the text is no layout. */
export function parseLayout(text: string): readonly PartitionField[] {
  const refused = (problem: string): KeystoneError =>
    new KeystoneError('KS_USAGE', `"${text}" is no layout: ${problem}`, { hint: FORM });
  const [time, bucket, ...rest] = text.split('+');
  if (time !== 'day' && time !== 'hour') throw refused('it begins with neither day nor hour');
  const fields: PartitionField[] = [{ column: 'log_time', transform: time }];
  if (bucket === undefined) return fields;
  const match = /^bucket:(\d+):(\w+)$/.exec(bucket);
  if (!match || rest.length > 0) throw refused('what follows the + is not bucket:<number>:<column>');
  const [, count, column] = match as unknown as readonly [string, string, string];
  const buckets = Number(count);
  if (buckets < 2 || buckets > MAX_BUCKETS) throw refused(`${count} buckets; 2 to ${MAX_BUCKETS} are of use`);
  if (!BUCKET_COLUMNS.has(column)) throw refused(`events are bucketed by ${[...BUCKET_COLUMNS].join(' or ')}, not by ${column}`);
  return [...fields, { column, transform: `bucket[${buckets}]` }];
}

/** The text that `parseLayout` takes; null for a spec that it has no words for. */
export function layoutText(partition: readonly PartitionField[]): string | null {
  const [time, bucket, ...rest] = partition;
  if (time?.column !== 'log_time' || (time.transform !== 'day' && time.transform !== 'hour') || rest.length > 0) return null;
  if (!bucket) return time.transform;
  const count = /^bucket\[(\d+)\]$/.exec(bucket.transform)?.[1];
  return count === undefined ? null : `${time.transform}+bucket:${count}:${bucket.column}`;
}
