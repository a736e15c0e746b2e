/** Does Glue answer, take us, and keep what commits rest on? Tried, not looked up; nothing is left behind but the first database of a new lake. */
import type { Lakehouse } from '../lakehouse.js';
import { examine, ok, skipped, warning, type DoctorCheck } from './doctor-check.js';

const READ = 'catalog';
const VERSIONS = 'catalog versions';

/** None for a lake that is its own catalog. */
export async function catalogChecks(lakehouse: Lakehouse): Promise<readonly DoctorCheck[]> {
  const { catalog } = lakehouse.config.profile;
  if (catalog.adapter !== 'glue') return [];
  const { endpoint, region, databasePrefix } = catalog.glue;
  const answers = await examine(READ, 'KS_CATALOG', async () => {
    const names = await lakehouse.tableNames();
    const databases = [...new Set(names.map((name) => `${databasePrefix}${name.slice(0, name.indexOf('.'))}`))];
    const [stray] = (await (await lakehouse.catalog()).outside?.()) ?? [];
    if (stray)
      return warning(
        READ,
        `${stray.name} and maybe more in the same databases lie outside the lake: ${stray.location}`,
        'if they are of another lake, give this one databases of its own: catalog.glue.databasePrefix',
      );
    const found = names.length === 0 ? 'no table of this lake yet' : `${names.length} tables in ${databases.join(', ')}`;
    return ok(READ, `Glue at ${endpoint ?? `AWS in ${region}`} answers: ${found}`);
  });
  if (answers.status === 'failed') return [answers, skipped(VERSIONS, 'the catalog cannot be read')];
  const refused = await examine(VERSIONS, 'KS_CATALOG', async () => {
    await (await lakehouse.catalog()).proveSwap?.();
    return ok(VERSIONS, 'a commit on a stale VersionId is refused; the table it was tried on is gone again');
  });
  return [answers, refused];
}
