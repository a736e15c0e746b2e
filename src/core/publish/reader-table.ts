/** The table that readers of an export ask: columns as Hive spells them, with what the contract says about each. */
import type { Contract } from '../contract/contract.js';
import { hiveType } from '../table/hive-type.js';
import type { ReaderTable } from '../table/reader-catalog.js';
import type { TableField } from '../table/table-api.js';
import { fieldJson } from '../table/iceberg-type.js';
import { isPartition } from './export-files.js';

export interface ExportFacts {
  readonly location: string;
  readonly snapshot: string | null;
  /** ISO 8601. */
  readonly publishedAt: string;
  readonly years: readonly [number, number] | null;
}

/** A year that no row has, for a partitioned table without rows. */
const NO_YEAR = 1970;

export function readerTable(
  contract: Contract,
  fields: readonly TableField[],
  { location, snapshot, publishedAt, years }: ExportFacts,
): ReaderTable {
  const isPartitioned = contract.partition !== null;
  return {
    name: contract.dataset,
    description: contract.description,
    location,
    columns: fields
      .filter(({ name }) => !isPartitioned || !isPartition(name))
      .map((field) => ({ name: field.name, type: hiveType(fieldJson(field)['type']), comment: field.doc ?? '' })),
    years: isPartitioned ? (years ?? [NO_YEAR, NO_YEAR]) : null,
    facts: {
      'keystone.snapshot': snapshot ?? 'none',
      'keystone.published-at': publishedAt,
      'keystone.contract': `${contract.dataset} ${contract.version} ${contract.hash}`,
    },
  };
}
