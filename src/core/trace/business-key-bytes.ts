/** From a business key as somebody types it to the partition keys that its events may carry. */
import type { Contract } from '../contract/contract.js';
import { findContract } from '../contract/find-contract.js';
import { keyOfDataset } from '../event/business-key.js';
import { KeystoneError } from '../errors.js';

type Contracts = ReadonlyMap<string, Contract>;

/**
 * `text`: the key column's text; a JSON array of the texts of several columns; or `column=text`, several with commas between. Without
 * a dataset every dataset that has such a key counts. Throws KS_NOT_FOUND for an unknown dataset, KS_USAGE for columns that are not its key.
 */
export function businessKeyBytes(contracts: Contracts, text: string, dataset: string | null): readonly Uint8Array[] {
  const chosen = dataset === null ? [...contracts.values()] : [findContract(contracts, dataset)];
  const named = namedColumns(text);
  const listed = named ? null : listedTexts(text);
  const fitting = chosen.filter(({ key }) =>
    named ? named.size === key.length && key.every((column) => named.has(column)) : key.length === (listed?.length ?? 1),
  );
  const [only] = chosen;
  if (fitting.length === 0 && dataset !== null && only) throw wrongKey(only, text);
  const variants = new Map<string, Uint8Array>();
  const put = (bytes: Uint8Array): unknown => variants.set(Buffer.from(bytes).toString('hex'), bytes);
  if (dataset === null) put(Buffer.from(listed ? JSON.stringify(listed) : text, 'utf8'));
  for (const contract of fitting) {
    const values = new Map(contract.key.map((column, index) => [column, named?.get(column) ?? listed?.[index] ?? text]));
    // '' stands where a key cannot be read: then the event's id is its key, and no id is empty.
    const bytes = keyOfDataset('business', contract)('', (column) => values.get(column));
    if (bytes && bytes.length > 0) put(bytes);
  }
  return [...variants.values()];
}

function wrongKey({ dataset, key }: Contract, text: string): KeystoneError {
  if (key.length === 0) {
    return new KeystoneError('KS_USAGE', `${dataset} has no business key: each event stands for itself`, {
      hint: 'keystone trace EVENT_ID',
    });
  }
  const example = key.map((column) => `${column}=…`).join(',');
  return new KeystoneError('KS_USAGE', `"${text}" is no key of ${dataset}, whose key is ${key.join(', ')}`, {
    hint: `keystone trace --dataset ${dataset} --key '${example}'`,
  });
}

/** `order_id=1,order_item_id=2` by column; null when the text is not written so. */
function namedColumns(text: string): ReadonlyMap<string, string> | null {
  const parts = text.split(/,(?=[a-z_][a-z0-9_]*=)/);
  const pairs = parts.map((part) => /^([a-z_][a-z0-9_]*)=([\s\S]*)$/.exec(part));
  if (!pairs.every((pair) => pair !== null)) return null;
  return new Map(pairs.map((pair) => [pair[1] ?? '', pair[2] ?? '']));
}

/** The texts of a JSON array of scalars; null for anything else. */
function listedTexts(text: string): readonly string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    const isList = Array.isArray(parsed) && parsed.length > 0;
    if (!isList || !parsed.every((item) => ['string', 'number', 'boolean'].includes(typeof item))) return null;
    return parsed.map(String);
  } catch {
    return null;
  }
}
