/**
 * DuckDB's COPY as the writer of data files: field ids into the Parquet schema, column metrics out of RETURN_STATS, so that no file
 * is read back.
 */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import { primitivesOf } from './iceberg-type.js';
import { encodeBounds, valueOfText } from './single-value.js';
import type { DataFileMetrics, IcebergType, TableField } from './table-api.js';

const CODECS: ReadonlySet<string> = new Set(['zstd', 'snappy', 'gzip', 'lz4', 'uncompressed']);

/** A file that COPY wrote. */
export interface CopiedFile {
  readonly localPath: string;
  readonly recordCount: number;
  readonly sizeBytes: number;
  /** Text of each PARTITION_BY value; empty without. */
  readonly partitionKeys: Readonly<Record<string, string | null>>;
  readonly metrics: DataFileMetrics;
}

/** A pair of DuckDB's MAP in JSON form. */
interface Pair<V> {
  readonly key: string;
  readonly value: V;
}

interface StatsRow {
  readonly [column: string]: unknown;
  readonly filename: string;
  readonly count: string;
  readonly file_size_bytes: string;
  readonly column_statistics: readonly Pair<readonly Pair<string>[]>[];
  readonly partition_keys: readonly Pair<string | null>[] | null;
}

/**
 * Copies the rows of `select`, whose columns are the table's, to `target`: a file, or with `partitionBy` a folder that gets one
 * or more files for each distinct value. Throws KS_CHECK_FAILED when a required column holds null.
 */
export async function copyToParquet(
  session: DuckSession,
  select: string,
  target: string,
  options: {
    readonly fields: readonly TableField[];
    readonly codec: string;
    readonly partitionBy?: readonly string[];
    /** Uncompressed bytes after which a row group ends; default: DuckDB's count of rows. */
    readonly rowGroupBytes?: number;
  },
): Promise<readonly CopiedFile[]> {
  const { fields, codec, partitionBy = [], rowGroupBytes } = options;
  if (!CODECS.has(codec.toLowerCase())) {
    throw new KeystoneError('KS_CONFIG', `write.parquet.compression-codec is "${codec}"`, {
      hint: `Take one of ${[...CODECS].join(', ')}.`,
    });
  }
  const partitioned = partitionBy.length
    ? `, PARTITION_BY (${partitionBy.map(quoteIdentifier).join(', ')}), FILENAME_PATTERN 'part_{uuid}', OVERWRITE_OR_IGNORE`
    : '';
  const rowGroups = rowGroupBytes === undefined ? '' : `, ROW_GROUP_SIZE_BYTES ${rowGroupBytes}`;
  const rows = await session.jsonRows<StatsRow>(
    `COPY (${select}) TO ${quoteLiteral(target)} (FORMAT parquet, COMPRESSION ${codec}, ` +
      `FIELD_IDS {${fields.map((field) => `${quoteIdentifier(field.name)}: ${fieldIdsSql(field.id, field.type)}`).join(', ')}}${partitioned}${rowGroups}, RETURN_STATS)`,
  );
  return rows
    .filter(({ count }) => count !== '0')
    .map((row) => ({
      localPath: row.filename,
      recordCount: Number(row.count),
      sizeBytes: Number(row.file_size_bytes),
      partitionKeys: Object.fromEntries((row.partition_keys ?? []).map(({ key, value }) => [key, value])),
      metrics: metricsOf(row, fields),
    }));
}

/** `7`, or for nested types `{__duckdb_field_id: 7, element: …}`. */
function fieldIdsSql(id: number, type: IcebergType): string {
  if (typeof type === 'string') return String(id);
  const inner =
    type.kind === 'list'
      ? [`element: ${fieldIdsSql(type.elementId, type.element)}`]
      : type.fields.map((field) => `${quoteIdentifier(field.name)}: ${fieldIdsSql(field.id, field.type)}`);
  return `{__duckdb_field_id: ${id}, ${inner.join(', ')}}`;
}

function metricsOf(row: StatsRow, fields: readonly TableField[]): DataFileMetrics {
  const stats = new Map(
    row.column_statistics.map(({ key, value }) => [key, new Map(value.map((pair) => [pair.key, pair.value]))]),
  );
  const columnSizes = new Map<number, number>();
  const valueCounts = new Map<number, number>();
  const nullCounts = new Map<number, number>();
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  const required = new Map(fields.filter((field) => field.required).map((field) => [field.id, field.name]));
  for (const { id, path, type } of primitivesOf(fields)) {
    const of = stats.get(path.map(quoteIdentifier).join('.'));
    if (!of) continue;
    const put = <V>(into: Map<number, V>, value: V | null | undefined): unknown =>
      value !== null && value !== undefined && into.set(id, value);
    const count = (name: string): number | undefined => (of.has(name) ? Number(of.get(name)) : undefined);
    put(columnSizes, count('column_size_bytes'));
    put(valueCounts, count('num_values'));
    put(nullCounts, count('null_count'));
    if (required.has(id) && (count('null_count') ?? 0) > 0) {
      throw new KeystoneError(
        'KS_CHECK_FAILED',
        `${count('null_count')} rows have no value in the required column "${required.get(id)}"`,
        {
          hint: 'Route rows without it to quarantine, or make the column optional in the contract.',
        },
      );
    }
    // Of NaN there is no order; of bytes nobody asks a range; bounds inside lists would be of elements, not rows.
    if (type === 'binary' || of.get('has_nan') === 'true' || path.length > 1) continue;
    const [least, greatest] = [of.get('min'), of.get('max')].map((text) => (text === undefined ? null : valueOfText(type, text)));
    if (least === null || least === undefined || greatest === null || greatest === undefined) continue;
    const { lower, upper } = encodeBounds(type, least, greatest);
    put(lowerBounds, lower);
    put(upperBounds, upper);
  }
  return { columnSizes, valueCounts, nullCounts, lowerBounds, upperBounds };
}
