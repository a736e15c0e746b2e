/** Opens what a replay or a recording reads: the log's topic, bronze, or files. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { resolveSnapshot } from '../care/resolve-snapshot.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { snapshotNextOffsets } from '../table/snapshot-offsets.js';
import type { TableName } from '../table/table-api.js';
import { openBronzeSource } from './bronze-source.js';
import { openFilesSource } from './files-source.js';
import type { ReplaySource, SourcePlan } from './replay-source.js';
import type { TimeRange } from './time-range.js';
import { openTopicSource } from './topic-source.js';

export interface SourceRequest {
  /** `topic`, `bronze`, or paths of files and folders; a file of that name is written `./topic`. */
  readonly sources: readonly string[];
  /** A text in which local copies of remote files are called by their URIs; a replay that goes on knows its files by it. */
  readonly named?: (text: string) => string;
  readonly range: TimeRange;
  readonly dataset: string | undefined;
  /** A snapshot id or a time: bronze as it was then. */
  readonly asOf: string | undefined;
  /** `<table>@<snapshot>`: begin at the offsets that this snapshot carries. */
  readonly fromCheckpoint: string | undefined;
  /** What a replay that goes on had decided at its start. */
  readonly saved: SourcePlan | undefined;
  readonly signal: AbortSignal;
}

/** The caller closes the source. @throws KeystoneError KS_USAGE for sources and flags that do not fit together; what the sources throw. */
export async function openSource(lakehouse: Lakehouse, request: SourceRequest): Promise<ReplaySource> {
  const { range, dataset, saved } = request;
  const kind = sourceKind(request.sources);
  if (request.asOf !== undefined && kind !== 'bronze') {
    throw new KeystoneError('KS_USAGE', `--as-of looks back in bronze, not in ${request.sources.join(' ')}`, {
      hint: 'keystone ingest replay bronze --as-of 2018-08-31T12:00:00Z; a range of the topic: --from, --to',
    });
  }
  if (request.fromCheckpoint !== undefined && kind === 'files') {
    throw new KeystoneError('KS_USAGE', '--from-checkpoint names log offsets, which files do not have', {
      hint: 'keystone ingest replay topic --from-checkpoint silver.orders@SNAPSHOT_ID',
    });
  }
  const next =
    request.fromCheckpoint === undefined || saved ? undefined : await checkpointOffsets(lakehouse, request.fromCheckpoint);
  switch (kind) {
    case 'topic':
      return openTopicSource(lakehouse, { range, checkpoint: next, saved: saved?.kind === 'topic' ? saved : undefined });
    case 'bronze': {
      const checkpoint = next && { topic: lakehouse.config.profile.log.topic, next };
      const { asOf } = request;
      return openBronzeSource(lakehouse, {
        asOf,
        range,
        dataset,
        checkpoint,
        saved: saved?.kind === 'bronze' ? saved : undefined,
      });
    }
    case 'files': {
      const { sources, named = asIs, signal } = request;
      const paths = (await Promise.all(sources.map(filesAt))).flat();
      return openFilesSource(lakehouse, {
        paths,
        named,
        dataset,
        range,
        signal,
        saved: saved?.kind === 'files' ? saved : undefined,
      });
    }
  }
}

const asIs = (text: string): string => text;

/** A folder stands for the files right in it, in the order of their names. */
async function filesAt(given: string): Promise<readonly string[]> {
  const entries = await readdir(given, { withFileTypes: true }).catch(() => null);
  if (entries === null) return [given];
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map(({ name }) => path.join(given, name));
  if (files.length > 0) return files.toSorted();
  throw new KeystoneError('KS_NOT_FOUND', `the folder ${given} holds no file`, { hint: `ls -l ${given}` });
}

/** @throws KeystoneError KS_USAGE when a name stands beside other sources. */
export function sourceKind(sources: readonly string[]): 'topic' | 'bronze' | 'files' {
  const named = sources.find((source) => source === 'topic' || source === 'bronze');
  if (named === undefined) return 'files';
  if (sources.length === 1) return named === 'topic' ? 'topic' : 'bronze';
  throw new KeystoneError('KS_USAGE', `${named} is a source of its own and stands alone`, {
    hint: `one replay for each; a file of that name is written ./${named}`,
  });
}

/** The log offsets that a table's snapshot had consumed: partition → the first offset that it had not. */
async function checkpointOffsets(lakehouse: Lakehouse, text: string): Promise<ReadonlyMap<number, number>> {
  const { name, snapshot: asked } = /^(?<name>[^@\s]+\.[^@\s]+)@(?<snapshot>.+)$/.exec(text)?.groups ?? {};
  if (name === undefined || asked === undefined) {
    throw new KeystoneError('KS_USAGE', `--from-checkpoint ${JSON.stringify(text)} names no snapshot of a table`, {
      hint: 'write it like --from-checkpoint silver.orders@SNAPSHOT_ID; keystone table show silver.orders lists the snapshots',
    });
  }
  const table = (await lakehouse.tableNames()).includes(name as TableName) ? await lakehouse.table(name as TableName) : null;
  if (!table) throw new KeystoneError('KS_NOT_FOUND', `there is no table ${name}`, { hint: 'keystone table list' });
  const { topic } = lakehouse.config.profile.log;
  const next = snapshotNextOffsets(resolveSnapshot(await table.state(), asked, table.name)).get(topic);
  if (next) return next;
  throw new KeystoneError('KS_USAGE', `snapshot ${asked} of ${name} carries no offsets of the topic ${topic}`, {
    hint: 'name a snapshot of a bronze, silver, quarantine, error or ledger table that was fed from this topic',
  });
}
