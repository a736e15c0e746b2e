/** Why a statement has no estimate, one mistake at a time: no SQL, no query, or a table that is not there. */
import { KeystoneError } from '../errors.js';
import { readStatement } from '../engine/statement/read-statement.js';
import { nearestName } from '../nearest-name.js';
import { tableNameOf, type LakeTables } from './estimate-scan.js';

const QUERY_WORDS = ['select', 'with', 'values', 'table'];

/** KS_SQL for what is no query, KS_NOT_FOUND naming the table and its nearest neighbour. */
export async function whyNoEstimate(
  lake: LakeTables & { tableNames(): Promise<readonly string[]> },
  sql: string,
): Promise<KeystoneError> {
  const read = readStatement(sql);
  if (read.kind === 'refused') {
    const first = /^[\s(]*([A-Za-z_]+)/.exec(sql)?.[1];
    if (!/not a query/.test(read.reason) || first === undefined)
      return new KeystoneError('KS_SQL', `the statement cannot be read: ${read.reason}`, { hint: 'give one whole SELECT' });
    const near = nearestName(first.toLowerCase(), QUERY_WORDS);
    return new KeystoneError('KS_SQL', `the statement is no query: it begins with ${first}, and only queries have an estimate`, {
      hint: near === undefined ? 'give one SELECT' : `did you mean ${near.toUpperCase()}?`,
    });
  }
  if (read.kind === 'query') {
    const names = await lake.tableNames();
    for (const reference of read.tables) {
      const named = reference.parts.join('.');
      const isWhole = reference.parts.length > 1;
      if (isWhole && (await lake.table(tableNameOf(reference, lake.config.profile.catalog.glue.databasePrefix)))) continue;
      const [same] = isWhole ? [] : names.filter((name) => name.endsWith(`.${named}`));
      const near = same ?? nearestName(named, names);
      return new KeystoneError(
        'KS_NOT_FOUND',
        `there is no table ${named}${isWhole ? '' : ': a table is named with its layer'}`,
        {
          hint:
            near === undefined ? 'keystone table list names the tables' : `did you mean ${near}? keystone table list names all`,
        },
      );
    }
  }
  return new KeystoneError('KS_SQL', 'the statement cannot be followed, so there is nothing to estimate', {
    hint: 'give one SELECT over tables as keystone table list names them',
  });
}
