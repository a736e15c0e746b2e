/** Which dataset a CSV file holds, by its name: Olist's own names, and `<dataset>.csv`. Never guessed from the content. */
import path from 'node:path';

/** Olist's one file whose name does not hold its dataset's. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([['product_category_name_translation', 'category_translation']]);

/** `orders.csv`, `orders.csv.gz`: the part before. Null for a file that is no CSV by its name. */
export function csvBaseName(filePath: string): string | null {
  return /^(.+?)\.csv(\.gz)?$/i.exec(path.basename(filePath))?.[1] ?? null;
}

/** Null when the name says nothing, or names a dataset that has no contract. */
export function datasetOfFile(filePath: string, datasets: Iterable<string>): string | null {
  const baseName = csvBaseName(filePath);
  if (baseName === null) return null;
  const named = OTHER_NAMES.get(baseName) ?? /^olist_(.+)_dataset$/.exec(baseName)?.[1] ?? baseName;
  for (const dataset of datasets) if (dataset === named) return dataset;
  return null;
}
