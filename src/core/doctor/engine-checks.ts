/** Do Athena and Trino answer, take us, and know the lake's databases? Tried, not looked up. None for DuckDB. */
import type { Lakehouse } from '../lakehouse.js';
import { examine, ok, skipped, warning, type DoctorCheck } from './doctor-check.js';

const WORKGROUP = 'athena workgroup';
const OUTPUT = 'athena output';
const TRINO = 'trino';

/** Athena where it is the engine; Trino where it is, or has an address. */
export async function engineChecks(lakehouse: Lakehouse): Promise<readonly DoctorCheck[]> {
  const { adapter, trino } = lakehouse.config.profile.engine;
  return [
    ...(adapter === 'athena' ? await athenaChecks(lakehouse) : []),
    ...(adapter === 'trino' || trino.url !== undefined ? [await trinoCheck(lakehouse)] : []),
  ];
}

async function athenaChecks({ config, effects, engine }: Lakehouse): Promise<readonly DoctorCheck[]> {
  const { athena } = config.profile.engine;
  let place = athena.output ?? null;
  const workgroup = await examine(WORKGROUP, 'KS_ENGINE', async () => {
    const { lookAtWorkgroup } = await import('../engine/athena/look-at-athena.js');
    const found = await lookAtWorkgroup({ athena, env: effects.env ?? {}, projectDir: config.projectDir });
    place = found.enforces ? found.output : (athena.output ?? found.output);
    const limit = found.cutoffBytes === null ? 'no limit on bytes' : `cancels beyond ${(found.cutoffBytes / 1e9).toFixed(2)} GB`;
    const enforced = found.enforces ? `enforces its own settings (results in ${found.output ?? 'no place'})` : 'enforces nothing';
    const said = `${found.name} (${found.engineVersion ?? 'engine unknown'}): ${enforced}, ${limit}`;
    if (found.state !== 'ENABLED')
      return warning(WORKGROUP, `${said}; it is ${found.state}`, 'enable the workgroup, or name another');
    if (found.enforces && athena.output !== undefined && athena.output !== found.output) {
      return warning(
        WORKGROUP,
        `${said}; engine.athena.output (${athena.output}) has no effect`,
        'take engine.athena.output out',
      );
    }
    return ok(WORKGROUP, said);
  });
  if (workgroup.status === 'failed') return [workgroup, skipped(OUTPUT, 'the workgroup cannot be read')];
  const output = await examine(OUTPUT, 'KS_ENGINE', async () => {
    // Its result is written there, which nothing but a statement proves.
    await (await engine('athena')).query('SELECT 1 AS one');
    return ok(OUTPUT, `a statement was answered, its result written to ${place ?? 'a place that Athena manages'}`);
  });
  return [workgroup, output];
}

async function trinoCheck({ config, statements, tableNames }: Lakehouse): Promise<DoctorCheck> {
  return examine(TRINO, 'KS_ENGINE', async () => {
    const { catalog, url } = config.profile.engine.trino;
    const prefix = config.profile.catalog.glue.databasePrefix;
    const trino = await statements('trino');
    const { rows } = await trino.execute(`SHOW SCHEMAS FROM "${catalog.replaceAll('"', '""')}"`);
    const seen = new Set(rows.map((row) => Object.values(row)[0]));
    const wanted = [...new Set((await tableNames()).map((name) => `${prefix}${name.split('.')[0]}`))];
    const missing = wanted.filter((database) => !seen.has(database));
    if (missing.length > 0) {
      return warning(
        TRINO,
        `${url} answers; its catalog ${catalog} has no ${missing.join(', ')}`,
        'let the catalog read the same Glue catalog as catalog.glue (engine.trino.catalog names another)',
      );
    }
    return ok(
      TRINO,
      `${url} answers; its catalog ${catalog} has ${wanted.length === 0 ? 'no table of the lake yet' : wanted.join(', ')}`,
    );
  });
}
