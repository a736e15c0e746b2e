/** A cell of a query's result as text; null and nested values are not expected there. */
import type { JsonValue } from '../engine/sql-engine.js';

export const cellText = (value: JsonValue | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? `${value}` : '';
