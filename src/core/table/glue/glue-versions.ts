/**
 * Whether a catalog that speaks Glue's API really refuses a stale VersionId, which every commit rests on: one that ignores it lets the last
 * writer win, and the others' rows are lost without a word. Tried on a table of its own, which is removed again.
 */
import { CreateTableCommand, DeleteTableCommand, GetTableCommand, UpdateTableCommand } from '@aws-sdk/client-glue';
import { KeystoneError } from '../../errors.js';
import { randomHexId } from '../random-names.js';
import type { Glue } from './glue-client.js';

/** Throws KS_CATALOG when a stale VersionId is taken, KS_NOT_FOUND when there is no such database. */
export async function proveVersions(glue: Glue, database: string, randomBytes: (length: number) => Uint8Array): Promise<void> {
  const Name = `keystone_probe_${randomHexId(randomBytes)}`;
  const at = { ...glue.catalog, DatabaseName: database };
  const doing = `try commits in the database ${database}`;
  const TableInput = { Name, TableType: 'EXTERNAL_TABLE', Description: 'A probe of Keystone; may be deleted' };
  const made = await glue.send(doing, (client) => client.send(new CreateTableCommand({ ...at, TableInput })), [
    'EntityNotFoundException',
    'AlreadyExistsException', // a repeat of one whose answer was lost
  ]);
  if (made === 'EntityNotFoundException') {
    throw new KeystoneError('KS_NOT_FOUND', `Glue has no database ${database}`, {
      hint: 'It is made with the first table in it.',
    });
  }
  try {
    const before = await glue.send(doing, (client) => client.send(new GetTableCommand({ ...at, Name })));
    const stale = before.Table?.VersionId;
    const change = (round: string): Promise<unknown> =>
      glue.send(
        doing,
        (client) =>
          client.send(
            new UpdateTableCommand({
              ...at,
              TableInput: { ...TableInput, Parameters: { round } },
              VersionId: stale,
              SkipArchive: true,
            }),
          ),
        ['ConcurrentModificationException', 'VersionMismatchException'],
      );
    await change('first');
    const second = stale === undefined ? null : await change('second');
    if (typeof second === 'string') return;
    throw new KeystoneError(
      'KS_CATALOG',
      `Glue at ${glue.endpoint} ${stale === undefined ? 'gives no VersionId' : 'takes a commit on a stale VersionId'}: commits of two writers would overwrite each other`,
      { hint: 'Use AWS Glue itself, or a stand-in that compares VersionIds (ministack does, moto does not).' },
    );
  } finally {
    await glue
      .send(doing, (client) => client.send(new DeleteTableCommand({ ...at, Name })), ['EntityNotFoundException'])
      .catch(() => undefined);
  }
}
