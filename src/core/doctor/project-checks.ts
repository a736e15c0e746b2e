/** What the project holds: contracts, models, the log, the lake's tables. Looks without making anything. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { checkBounds } from '../consume/check-bounds.js';
import { sameLog } from '../consume/log-recreated.js';
import { logPlace } from '../log/log-place.js';
import { loadModels } from '../gold/load-models.js';
import type { Lakehouse } from '../lakehouse.js';
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import { finishingCommand, halfDoneRollback } from '../silver/rolled-back.js';
import type { TableName, TableState } from '../table/table-api.js';
import { isS3Uri, lakePlace } from '../store/lake-place.js';
import { otherLakeOf } from '../table/moved-lake.js';
import { examine, failed, ok, warning, type DoctorCheck } from './doctor-check.js';

export async function projectChecks(lakehouse: Lakehouse): Promise<readonly DoctorCheck[]> {
  return [
    await contractsCheck(lakehouse),
    await modelsCheck(lakehouse),
    await logCheck(lakehouse),
    await stateCheck(lakehouse),
    await tablesCheck(lakehouse),
  ];
}

const contractsCheck = (lakehouse: Lakehouse): Promise<DoctorCheck> =>
  examine('contracts', 'KS_CONTRACT', async () => {
    const contracts = await lakehouse.contracts();
    const where = lakehouse.config.contracts;
    if (contracts.size === 0)
      return warning(
        'contracts',
        `none in ${where}: every event would end in quarantine`,
        'keystone init writes those of the Olist datasets',
      );
    return ok('contracts', `${contracts.size} datasets: ${[...contracts.keys()].join(', ')}`);
  });

const modelsCheck = (lakehouse: Lakehouse): Promise<DoctorCheck> =>
  examine('models', 'KS_MODEL', async () => {
    const models = await loadModels(lakehouse.config.models);
    return ok('models', `${models.length} gold models`);
  });

const logCheck = (lakehouse: Lakehouse): Promise<DoctorCheck> =>
  examine('log', 'KS_LOG', async () => {
    const { log } = lakehouse.config.profile;
    const { topic } = log;
    const bronze = (await lakeExists(lakehouse)) ? await lakehouse.table(BRONZE_EVENTS.name) : null;
    const landed = await bronze?.state();
    // A lost or recreated topic fails the check with the refusal that consume would end with.
    const next = landed?.nextOffsets.get(topic) ?? new Map<number, number>();
    if (log.adapter === 'embedded' && !(await exists(log.path))) {
      checkBounds(topic, [], next);
      return ok('log', `${log.path} is made by the first event`);
    }
    const opened = await lakehouse.log();
    const bounds = await opened.bounds(topic);
    if (landed) await sameLog(opened, landed, topic);
    checkBounds(topic, bounds, next);
    if (bounds.length === 0)
      return ok('log', `${logPlace(lakehouse.config.profile)} answers; topic ${topic} is made by the first event`);
    const events = bounds.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
    const lost = (landed?.losses ?? [])
      .flatMap(({ offsets }) => offsets)
      .reduce((sum, { from, toExclusive }) => sum + toExclusive - from, 0);
    const givenUp = lost === 0 ? '' : `; at most ${lost} expired unread and were given up (keystone ledger verify)`;
    return ok('log', `topic ${topic}: ${events} events in ${bounds.length} partitions${givenUp}`);
  });

const stateCheck = (lakehouse: Lakehouse): Promise<DoctorCheck> =>
  examine('state', 'KS_STATE', async () => {
    const { adapter, path } = lakehouse.config.profile.state;
    if (adapter === 'postgres') return databaseCheck(lakehouse);
    if (!(await exists(path))) return ok('state', `${path} is made by the first run`);
    await lakehouse.state();
    return ok('state', `${path} opens`);
  });

const CONNECTIONS_NEARLY_ALL = 0.9;

async function databaseCheck({ config, effects }: Lakehouse): Promise<DoctorCheck> {
  const { lookAtPostgres } = await import('../state/look-at-postgres.js');
  const { place, version, answerMs, connections, connectionsMax } = await lookAtPostgres(config, effects);
  const made = version === 0 ? 'its tables are made by the first run' : `schema ${version}`;
  const found = `${place} answers in ${Math.ceil(answerMs)} ms, ${made}, ${connections} of ${connectionsMax} connections in use`;
  return connections > CONNECTIONS_NEARLY_ALL * connectionsMax
    ? warning('state', found, 'lower state.postgres.poolSize of its clients, or put a pooler in front of it')
    : ok('state', found);
}

/** Reads the current metadata of every table, and whether its files lie where it says. */
const tablesCheck = (lakehouse: Lakehouse): Promise<DoctorCheck> =>
  examine('tables', 'KS_STORE', async () => {
    const lake = lakePlace(lakehouse.config.profile);
    if (!(await lakeExists(lakehouse))) return ok('tables', `${lake} is made by the first consume`);
    const names = await lakehouse.tableNames();
    const rolledBack: string[] = [];
    const states = new Map<TableName, TableState>();
    for (const name of names) {
      const table = await lakehouse.table(name);
      if (!table)
        return failed(
          'tables',
          'KS_TABLE_CORRUPT',
          `${name} has a folder and no readable metadata`,
          `keystone table show ${name}`,
        );
      const other = otherLakeOf(table);
      if (other !== null)
        return failed(
          'tables',
          'KS_STORE',
          `${name} was written in ${other} and names its files there, but lies in ${lake}: it cannot be read`,
          await wayBack(lakehouse, other),
        );
      const state = await table.state();
      states.set(name, state);
      if (state.rolledBackFrom !== null) rolledBack.push(name);
    }
    const ledger = states.get(DISPOSITIONS.name);
    const halfDone = ledger && [...states.values()].map((state) => halfDoneRollback(state, ledger)).find((mark) => mark !== null);
    if (halfDone)
      return failed(
        'tables',
        'KS_TABLE_CORRUPT',
        `a rollback of ${halfDone.table} was stopped before all tables were back: no consumer builds on them`,
        finishingCommand(halfDone),
      );
    if (rolledBack.length > 0)
      return warning('tables', `rolled back: ${rolledBack.join(', ')}`, 'keystone ledger verify says what readers miss');
    return ok('tables', `${names.length} tables readable`);
  });

/** What to do about a lake that was made in the folder `made`. */
async function wayBack({ config }: Lakehouse, made: string): Promise<string> {
  const lake = lakePlace(config.profile);
  if (isS3Uri(lake)) {
    return `name that place in store.s3, or make this one a lake of its own with keystone table relocate --force (--dry-run shows what would change)`;
  }
  const inProject = path.relative(config.projectDir, lake);
  const movedWhole = !inProject.startsWith('..') && made.endsWith(`/${inProject}`);
  const [from, to] = movedWhole ? [config.projectDir, made.slice(0, -inProject.length - 1)] : [lake, made];
  return (await exists(made))
    ? `this is a copy: work in ${to}, or make it a lake of its own with keystone table relocate --force`
    : `keystone table relocate makes it readable here; to move it back: mv ${shellWord(from)} ${shellWord(to)}`;
}

const shellWord = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A bucket is asked itself; a folder that was looked for by opening it would be made. */
const lakeExists = async ({ config }: Lakehouse): Promise<boolean> =>
  config.profile.store.adapter === 's3' || (await exists(config.profile.store.path));

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
