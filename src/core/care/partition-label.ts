/** The partition of a data file as a person reads it, whichever of the table's specs it was written under. */
import { hasFourDigitYear, specFields, transformStartMs } from '../table/partition-spec.js';
import type { DataFile } from '../table/table-api.js';
import type { TableMetadata } from '../table/table-metadata.js';

/** Characters of an ISO time that tell a year, month, day or hour. */
const LENGTHS: Readonly<Record<string, number>> = { year: 4, month: 7, day: 10, hour: 13 };

/** `order_purchase_timestamp_day=2017-10-02`; several fields joined by `/`, `null` where the value is, empty when unpartitioned. */
export function partitionLabel(metadata: TableMetadata, file: Pick<DataFile, 'partition' | 'specId'>): string {
  return specFields(metadata, file.specId)
    .filter((field) => field.transform !== 'void')
    .map(({ name, transform }) => `${name}=${valueText(transform, file.partition[name] ?? null)}`)
    .join('/');
}

function valueText(transform: string, value: string | number | boolean | null): string {
  const start = typeof value === 'number' ? transformStartMs(transform, value) : null;
  // Outside the years of four digits, and beyond Date, which throws, an ordinal stays one, as in the names of folders.
  return start === null || !hasFourDigitYear(start)
    ? String(value)
    : new Date(start).toISOString().slice(0, LENGTHS[transform] ?? 10);
}
