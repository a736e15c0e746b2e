/** What the name of an uploaded file says: whether it is one of ours, its format, its dataset. Nothing is guessed from the content. */
import path from 'node:path';
import { datasetOfFile } from '../files/dataset-of-file.js';

export type UploadFormat = 'csv' | 'ndjson';

export type UploadKind =
  | { readonly kind: 'upload'; readonly format: UploadFormat }
  /** A gzip whose name does not say of what. */
  | { readonly kind: 'unclear' }
  /** Somebody is still writing it, or it is hidden: it gets its real name later, or never. */
  | { readonly kind: 'temporary' }
  /** Nothing that is ingested. */
  | { readonly kind: 'other' };

const TEMPORARY = /^[.~]|~$|\.(part|partial|filepart|crdownload|tmp|temp|swp|upload|lock)$/i;
/** The whole ending, so that a number can be put before it. */
const ENDING = /(\.(csv|ndjson|jsonl))?(\.gz)?$/i;
/** A date or a number behind a dataset's name: `orders-2017-10-02`, `orders_3`, `orders~2`. */
const NUMBERED = /[-_.~ ]\d.*$/;

export function uploadKind(fileName: string): UploadKind {
  if (TEMPORARY.test(fileName)) return { kind: 'temporary' };
  if (/\.csv(\.gz)?$/i.test(fileName)) return { kind: 'upload', format: 'csv' };
  if (/\.(ndjson|jsonl)(\.gz)?$/i.test(fileName)) return { kind: 'upload', format: 'ndjson' };
  return /\.gz$/i.test(fileName) ? { kind: 'unclear' } : { kind: 'other' };
}

/** `n` is 2 or more: `orders.csv.gz` → `orders~2.csv.gz`, which still says its dataset. */
export function numberedName(fileName: string, n: number): string {
  const ending = ENDING.exec(fileName)?.[0] ?? '';
  return `${fileName.slice(0, fileName.length - ending.length)}~${n}${ending}`;
}

/**
 * `given` (for every file), else the sub-folder's name, else the file's: a dataset's own name, Olist's name for it, or one of these
 * with a date or number behind it. Null when none of them is a known dataset.
 * @param name relative to the watched folder, `orders.csv` or `orders/monday.csv`.
 */
export function datasetOfUpload(name: string, given: string | undefined, datasets: readonly string[]): string | null {
  if (given !== undefined) return given;
  const folder = path.posix.dirname(name);
  if (datasets.includes(folder)) return folder;
  const stem = path.posix.basename(name).replace(ENDING, '');
  return datasetOfFile(`${stem}.csv`, datasets) ?? datasetOfFile(`${stem.replace(NUMBERED, '')}.csv`, datasets);
}
