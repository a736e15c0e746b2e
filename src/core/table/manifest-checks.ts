/**
 * Whether a decoded manifest or manifest list is whole. An Avro file that ends between two of its blocks, or whose compressed block
 * lost a bit, can decode without a fault and say less than was written: rows would be missing in silence, and their files would look as
 * if nothing named them. What names a file says how long it is and how much it holds, so both are compared.
 */
import { KeystoneError } from '../errors.js';
import { ADDED, DELETED, EXISTING, type ManifestFile, type ManifestRecord } from './manifest-schema.js';
import type { MetadataSnapshot } from './table-metadata.js';

/** Before v2, lists had neither content nor sequence numbers; zero is what the specification gives them. */
const V1_DEFAULTS = { content: 0, sequence_number: 0, min_sequence_number: 0, partitions: null, key_metadata: null } as const;

/** Throws KS_TABLE_CORRUPT when the records are none of a manifest list, or do not hold what the snapshot says. */
export function checkedManifestList(records: readonly unknown[], snapshot: MetadataSnapshot): readonly ManifestFile[] {
  const path = snapshot['manifest-list'];
  const manifests = records.map((record): ManifestFile => {
    const manifest = { ...V1_DEFAULTS, ...(record as object) } as ManifestFile;
    const counts = [
      manifest.added_files_count,
      manifest.existing_files_count,
      manifest.added_rows_count,
      manifest.existing_rows_count,
    ];
    if (typeof manifest.manifest_path !== 'string' || !Number.isSafeInteger(manifest.partition_spec_id) || !counts.every(isCount))
      throw corrupt(path, 'a record names no manifest, or has a count that is none');
    return manifest;
  });
  const { 'total-data-files': files, 'total-records': rows } = snapshot.summary ?? {};
  const data = manifests.filter(({ content }) => content === 0);
  const listed = {
    files: sum(data.map((one) => one.added_files_count + one.existing_files_count)),
    rows: sum(data.map((one) => Number(one.added_rows_count) + Number(one.existing_rows_count))),
  };
  // Other engines add totals up from snapshot to snapshot, and some lose count: of theirs only an empty list is judged.
  if (manifests.length > 0 && !isOurs(snapshot)) return manifests;
  if (files !== undefined && Number(files) !== listed.files)
    throw corrupt(path, `it lists ${listed.files} data files where its snapshot has ${files}`);
  if (rows !== undefined && Number(rows) !== listed.rows)
    throw corrupt(path, `it lists ${listed.rows} rows where its snapshot has ${rows}`);
  return manifests;
}

/** Throws KS_TABLE_CORRUPT when `sizeBytes` or the records are not what the manifest list says of this manifest. */
export function checkManifest(records: readonly ManifestRecord[], sizeBytes: number, manifest: ManifestFile): void {
  const { manifest_path: path, manifest_length: length } = manifest;
  if (sizeBytes !== Number(length)) throw corrupt(path, `it has ${sizeBytes} bytes where its list says ${length}`);
  const files = new Map([ADDED, EXISTING, DELETED].map((status) => [status, 0]));
  for (const { status, data_file: file } of records) {
    const counted = files.get(status);
    if (
      counted === undefined ||
      typeof file?.file_path !== 'string' ||
      !isCount(file.record_count) ||
      !isCount(file.file_size_in_bytes)
    )
      throw corrupt(path, 'an entry has no status, no path, or a count that is none');
    files.set(status, counted + 1);
  }
  for (const [status, said] of [
    [ADDED, manifest.added_files_count],
    [EXISTING, manifest.existing_files_count],
  ] as const) {
    if (files.get(status) !== said)
      throw corrupt(
        path,
        `it has ${files.get(status)} ${status === ADDED ? 'added' : 'existing'} files where its list says ${said}`,
      );
  }
  if (manifest.content !== 0) return;
  const rows = sum(records.filter(({ status }) => status !== DELETED).map(({ data_file: file }) => Number(file.record_count)));
  const said = Number(manifest.added_rows_count) + Number(manifest.existing_rows_count);
  if (rows !== said) throw corrupt(path, `its files have ${rows} rows where its list says ${said}`);
}

/** Keystone repeats its own keys in each of its snapshots; no other engine does. */
const isOurs = ({ summary }: MetadataSnapshot): boolean => Object.keys(summary ?? {}).some((key) => key.startsWith('keystone.'));

const isCount = (value: unknown): boolean =>
  (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) || (typeof value === 'bigint' && value >= 0n);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const corrupt = (path: string, reason: string): KeystoneError =>
  new KeystoneError('KS_TABLE_CORRUPT', `${path} is damaged: ${reason}`, {
    hint: 'Restore the file from a backup, or roll the table back to a snapshot before it (keystone table show lists them).',
  });
