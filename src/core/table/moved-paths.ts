/**
 * Manifests and manifest lists with other paths in them, and everything else as it was: written under the schema and header that the
 * first writer gave them, so that fields Keystone does not know survive.
 */
import { KeystoneError } from '../errors.js';
import { type AvroSchema, decodeAvro, encodeAvro } from './avro-file.js';
import { DELETED } from './manifest-schema.js';

/** An old path → the path that stands for it now. */
export type MovePath = (path: string) => string;

type Fields = Readonly<Record<string, unknown>>;

/** Field ids of the specification (https://iceberg.apache.org/spec/#manifests). */
const ID = {
  status: 0,
  dataFile: 2,
  filePath: 100,
  content: 134,
  referencedDataFile: 143,
  manifestPath: 500,
  manifestLength: 501,
} as const;
const POSITION_DELETES = 1;

export interface MovedManifest {
  readonly bytes: Uint8Array;
  /** New paths of the files that are in the table. */
  readonly live: readonly string[];
}

/** Throws KS_TABLE_UNSUPPORTED for files of position deletes: the paths inside them would have to change as well. */
export function movedManifest(bytes: Uint8Array, name: string, move: MovePath): MovedManifest {
  const { schema, records, header } = decodeAvro(bytes, name, (same) => same);
  const entry = namesIn(schema, name);
  const inFile = namesIn(entry(ID.dataFile).type, name);
  const [status, dataFile, path] = [entry(ID.status).name, entry(ID.dataFile).name, inFile(ID.filePath).name];
  const content = inFile.find(ID.content)?.name;
  const referenced = inFile.find(ID.referencedDataFile)?.name;
  const live: string[] = [];
  const moved = (records as readonly Fields[]).map((record) => {
    const file = record[dataFile] as Fields;
    const isLive = record[status] !== DELETED;
    if (isLive && content !== undefined && file[content] === POSITION_DELETES) {
      throw new KeystoneError(
        'KS_TABLE_UNSUPPORTED',
        `${name} lists row-level deletes, which name data files by their old paths`,
        {
          hint: 'Put the lake back where it was, rewrite the table with the engine that wrote the deletes, then move it again.',
        },
      );
    }
    const newPath = move(String(file[path]));
    if (isLive) live.push(newPath);
    const reference = referenced === undefined ? null : file[referenced];
    return {
      ...record,
      [dataFile]: {
        ...file,
        [path]: newPath,
        ...(referenced !== undefined && typeof reference === 'string' ? { [referenced]: move(reference) } : {}),
      },
    };
  });
  return { bytes: encodeAvro(schema, moved, header), live };
}

/** `move` gives path and length of the manifest that stands for an old one; null length: as it was. */
export function movedManifestList(
  bytes: Uint8Array,
  name: string,
  move: (path: string) => { readonly path: string; readonly length: number | null },
): Uint8Array {
  const { schema, records, header } = decodeAvro(bytes, name, (same) => same);
  const field = namesIn(schema, name);
  const [path, length] = [field(ID.manifestPath).name, field(ID.manifestLength).name];
  const moved = (records as readonly Fields[]).map((record) => {
    const to = move(String(record[path]));
    return { ...record, [path]: to.path, ...(to.length === null ? {} : { [length]: to.length }) };
  });
  return encodeAvro(schema, moved, header);
}

/** Paths of the manifests that a list names. */
export function manifestPaths(bytes: Uint8Array, name: string): readonly string[] {
  const { schema, records } = decodeAvro(bytes, name, (same) => same);
  const path = namesIn(schema, name)(ID.manifestPath).name;
  return (records as readonly Fields[]).map((record) => String(record[path]));
}

interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
}

/** The fields of a record schema by field id, which is what identifies them: writers differ in names. */
function namesIn(schema: AvroSchema, file: string): ((id: number) => AvroField) & { find(id: number): AvroField | undefined } {
  const { fields = [] } = schema as { readonly fields?: readonly (AvroField & { readonly 'field-id'?: number })[] };
  const find = (id: number): AvroField | undefined => fields.find((field) => field['field-id'] === id);
  const get = (id: number): AvroField => {
    const found = find(id);
    if (found) return found;
    throw new KeystoneError('KS_TABLE_CORRUPT', `${file} has no field with the id ${id} that the specification demands`, {
      hint: 'Roll the table back to a snapshot before this file was written (keystone table show lists them).',
    });
  };
  return Object.assign(get, { find });
}
