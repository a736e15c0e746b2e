/**
 * What a rollback on purpose leaves in a table's properties, in the same swap of the metadata: that its newer snapshots were given up (they
 * count as missing no more), and the token of the lease under which it happened (a builder of before commits nothing more).
 */
import { z } from 'zod';
import { KeystoneError } from '../errors.js';
import type { RollbackMark } from './table-api.js';
import type { TableMetadata } from './table-metadata.js';

/** JSON of `RollbackMark`. */
export const ROLLBACK_MARK = 'keystone.rollback';
/** Decimal digits: commits under a lower lease token are fenced. */
export const ROLLBACK_TOKEN = 'keystone.rollback-token';

const storedMark = z.strictObject({
  number: z.number().int(),
  table: z.string(),
  to: z.string().regex(/^\d+$/),
  cut: z.string().regex(/^\d+$/).nullable(),
  sequence: z.number().int(),
});

/** The newest rollback of the table, or null. Throws KS_TABLE_CORRUPT when its mark is unreadable. */
export function rollbackMarkOf({ location, properties }: Pick<TableMetadata, 'location' | 'properties'>): RollbackMark | null {
  const text = properties?.[ROLLBACK_MARK];
  if (text === undefined) return null;
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    stored = undefined;
  }
  const mark = storedMark.safeParse(stored);
  if (!mark.success) {
    throw new KeystoneError('KS_TABLE_CORRUPT', `${location} has an unreadable ${ROLLBACK_MARK} among its properties`, {
      hint: `Remove the property ${ROLLBACK_MARK} with another engine, then roll the table back again.`,
      cause: mark.error,
    });
  }
  const { number, table, to, cut, sequence } = mark.data;
  return { number, table, to: BigInt(to), cut: cut === null ? null : BigInt(cut), sequence };
}

/** As the property holds it. */
export const rollbackMarkText = ({ number, table, to, cut, sequence }: RollbackMark): string =>
  JSON.stringify({ number, table, to: String(to), cut: cut === null ? null : String(cut), sequence });

/** The highest lease token under which the table was rolled back; null: never. */
export const rollbackTokenOf = ({ properties }: Pick<TableMetadata, 'properties'>): number | null => {
  const text = properties?.[ROLLBACK_TOKEN];
  return text === undefined ? null : Number(text);
};
