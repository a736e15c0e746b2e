/**
 * Hive tables in Glue for readers who know no Iceberg. Partitions are projected from the names of the folders
 * (https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html), so none has to be registered and a new location is a whole new table.
 */
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetTableCommand,
  type TableInput,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import { KeystoneError } from '../../errors.js';
import type { ReaderCatalog, ReaderTable } from '../reader-catalog.js';
import type { Glue } from './glue-client.js';
import { commentText } from './glue-table-input.js';

const NAMESPACE = 'publish';
/** Marks a table as ours to replace. */
const OURS = 'keystone.published';

const PARQUET = {
  InputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
  OutputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
  SerdeInfo: { SerializationLibrary: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' },
};

export function openGlueReaderCatalog(glue: Glue): ReaderCatalog {
  const database = glue.database(NAMESPACE);
  const at = { ...glue.catalog, DatabaseName: database };
  return {
    database,
    load: async (name) => {
      const found = await glue.send(
        `read the table ${database}.${name}`,
        (client) => client.send(new GetTableCommand({ ...at, Name: name })),
        ['EntityNotFoundException'],
      );
      if (typeof found === 'string' || found.Table === undefined) return null;
      const { Parameters = {}, StorageDescriptor, VersionId } = found.Table;
      if (Parameters[OURS] === undefined) throw foreign(database, name);
      return { location: StorageDescriptor?.Location ?? '', facts: Parameters, token: VersionId ?? '' };
    },
    put: async (table, token) => {
      const TableInput = inputOf(table);
      const doing = `publish ${database}.${table.name}`;
      if (token !== null) {
        const changed = await glue.send(
          doing,
          (client) => client.send(new UpdateTableCommand({ ...at, TableInput, VersionId: token, SkipArchive: true })),
          ['ConcurrentModificationException', 'VersionMismatchException', 'EntityNotFoundException'],
        );
        return typeof changed !== 'string' || isAt(glue, at, table);
      }
      await glue.send(
        doing,
        (client) =>
          client.send(
            new CreateDatabaseCommand({
              ...glue.catalog,
              DatabaseInput: { Name: database, Description: 'Exports of a Keystone lake, made by keystone contract publish' },
            }),
          ),
        ['AlreadyExistsException'],
      );
      const made = await glue.send(doing, (client) => client.send(new CreateTableCommand({ ...at, TableInput })), [
        'AlreadyExistsException',
      ]);
      return typeof made !== 'string' || isAt(glue, at, table);
    },
  };
}

/** Whether the table lies where we put it: a refusal may be the repeat of a change whose answer was lost. */
async function isAt(glue: Glue, at: { readonly DatabaseName: string }, { name, location }: ReaderTable): Promise<boolean> {
  const found = await glue.send(
    `read the table ${at.DatabaseName}.${name}`,
    (client) => client.send(new GetTableCommand({ ...at, Name: name })),
    ['EntityNotFoundException'],
  );
  return typeof found !== 'string' && found.Table?.StorageDescriptor?.Location === location;
}

function inputOf({ name, description, location, columns, years, facts }: ReaderTable): TableInput & { readonly Name: string } {
  return {
    Name: name,
    Description: description.slice(0, 2048),
    TableType: 'EXTERNAL_TABLE',
    PartitionKeys: years === null ? [] : ['year', 'month', 'day'].map((key) => ({ Name: key, Type: 'int' })),
    StorageDescriptor: {
      ...PARQUET,
      Location: location,
      Columns: columns.map((column) => ({
        Name: column.name,
        Type: column.type,
        ...(column.comment === '' ? {} : { Comment: commentText(column.comment) }),
      })),
    },
    Parameters: {
      ...facts,
      [OURS]: 'true',
      EXTERNAL: 'TRUE',
      classification: 'parquet',
      'parquet.compression': 'SNAPPY',
      ...(years === null ? {} : projection(location, years)),
    },
  };
}

function projection(location: string, [first, last]: readonly [number, number]): Readonly<Record<string, string>> {
  const integer = (key: string, range: string, digits: number): readonly (readonly [string, string])[] => [
    [`projection.${key}.type`, 'integer'],
    [`projection.${key}.range`, range],
    [`projection.${key}.digits`, String(digits)],
  ];
  return Object.fromEntries([
    ['projection.enabled', 'true'],
    ...integer('year', `${first},${last}`, 4),
    ...integer('month', '1,12', 2),
    ...integer('day', '1,31', 2),
    ['storage.location.template', `${location}year=\${year}/month=\${month}/day=\${day}/`],
  ]);
}

const foreign = (database: string, name: string): KeystoneError =>
  new KeystoneError('KS_CATALOG', `${database}.${name} in Glue was not made by keystone contract publish`, {
    hint: 'Remove or rename it, or give this lake databases of its own: catalog.glue.databasePrefix.',
  });
