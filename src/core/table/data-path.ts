/**
 * Where data files lie: folders that people and Hive-path tools read, zero-padded so that they sort. Iceberg itself takes each
 * file's partition from the manifest and ignores the folders.
 */
import { KeystoneError } from '../errors.js';
import { hasFourDigitYear, partitionFieldName, transformStartMs } from './partition-spec.js';
import type { DataFile, PartitionField, TableName } from './table-api.js';

/** The store's folder of a table: `bronze.events` → `bronze/events`. */
export const tableFolder = (name: TableName): string => name.replace('.', '/');

/**
 * Key of a data file, e.g. `silver/orders/data/year=2017/month=10/day=02/<fileName>`; `store.uri(key)` is its `path`.
 * `values`: partition field name → value, as `DataFile.partition`; `fileName` with its extension.
 */
export function dataFileKey(
  table: TableName,
  partition: readonly PartitionField[],
  values: DataFile['partition'],
  fileName: string,
): string {
  return [tableFolder(table), 'data', ...partition.map((field) => partitionFolder(field, values)), fileName].join('/');
}

function partitionFolder(field: PartitionField, values: DataFile['partition']): string {
  const name = partitionFieldName(field);
  const value = values[name];
  if (value === undefined) throw new KeystoneError('KS_INTERNAL', `no value for the partition field ${name}`);
  const start = typeof value === 'number' ? transformStartMs(field.transform, value) : null;
  // Beyond the years of four digits (and of Date, which throws) the ordinal names the folder.
  if (value === null || start === null || !hasFourDigitYear(start))
    return `${folderName(name)}=${value === null ? '__HIVE_DEFAULT_PARTITION__' : folderName(String(value))}`;
  const iso = new Date(start).toISOString(); // YYYY-MM-DDTHH:…
  const parts = [`year=${iso.slice(0, 4)}`, `month=${iso.slice(5, 7)}`, `day=${iso.slice(8, 10)}`, `hour=${iso.slice(11, 13)}`];
  return parts.slice(0, ['year', 'month', 'day', 'hour'].indexOf(field.transform) + 1).join('/');
}

/** Escapes what a folder name, or an engine's file glob, would take for syntax. */
const folderName = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** Where rows wait that belong to no table yet; what lies there without a run that works is rubbish. */
export const STAGING_PREFIX = '_staging/';
