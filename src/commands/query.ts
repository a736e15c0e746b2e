import { Args, Flags } from '@oclif/core';
import { checkArrowUse } from '../cli/arrow-use.js';
import { counted } from '../cli/counted.js';
import { KeystoneCommand, shapedListFlags } from '../cli/keystone-command.js';
import { OUTPUT_FORMATS } from '../cli/render-rows.js';
import { tooManyRows } from '../cli/too-many-rows.js';
import { writeBytes } from '../cli/write-bytes.js';
import type { ResultColumn } from '../core/engine/sql-engine.js';

/** Rows read without --limit, --sort and --filter: by a person, and by a program, whose answer is one JSON text or one file. */
const SCREEN_ROWS = 10_000;
const PROGRAM_ROWS = 250_000;
/** Rows read at most to sort or filter them. */
const MOST_ROWS_SHAPED = 1_000_000;

export default class Query extends KeystoneCommand {
  static override summary = 'Ask one SQL question to the tables of the lake';
  static override description =
    'Reads bronze.*, silver.*, gold.*, quarantine.*, error.* and ledger.* as they are when the query begins; changes nothing and reads nothing else. Speaks DuckDB’s SQL, or with --dialect athena that of the gold models (Trino). ' +
    'Without --limit a result of more than 10,000 rows is cut on the screen, with a warning; for a program (--json, --output json, ndjson or csv) it is whole, and refused beyond 250,000 rows. ' +
    '--output arrow streams the result of any length as Arrow IPC, types kept (decimals, microseconds, bytes, lists): pyarrow.ipc.open_stream and polars.read_ipc_stream read it. Only exit code 0 means that it is whole: one that was stopped or failed half-way ends in a message without a body, at which pyarrow fails. ' +
    '--sort and --filter work on the whole result, of up to 1,000,000 rows, and refuse a longer one; ORDER BY, WHERE and LIMIT in the SQL know no such bound.';
  static override examples = [
    '<%= config.bin %> query "SELECT order_status, count(*) FROM silver.orders GROUP BY 1 ORDER BY 2 DESC"',
    '<%= config.bin %> query "DESCRIBE gold.fact_sales"',
    '<%= config.bin %> query "SELECT * FROM silver.order_items" --sort price:desc --limit 10',
    'cat report.sql | <%= config.bin %> query - --output csv',
    '<%= config.bin %> query "SELECT * FROM gold.fact_sales" --output arrow > sales.arrows',
  ];
  static override args = {
    sql: Args.string({ required: true, description: 'The statement, or - to read it from standard input' }),
  };
  static override flags = {
    ...shapedListFlags,
    output: Flags.option({ options: [...OUTPUT_FORMATS, 'arrow'] as const, default: 'table' as const })({
      description: 'Format of the rows; arrow is an Arrow IPC stream',
      helpGroup: 'GLOBAL',
    }),
    dialect: Flags.string({
      options: ['duckdb', 'athena'],
      default: 'duckdb',
      description: 'How functions and operators of the same name are meant',
    }),
  };

  async run(): Promise<{ columns: readonly ResultColumn[]; rows: readonly object[] }> {
    const { args, flags } = await this.parse(Query);
    const output: string = flags.output; // narrower in the base's flags
    if (output === 'arrow') checkArrowUse(flags, process.stdout.isTTY === true);
    const sql = args.sql === '-' ? await readAll(process.stdin) : args.sql;
    const engine = await (await this.lakehouse()).engine();
    const startedMs = this.effects().clock.nowMs();
    const dialect = flags.dialect === 'athena' ? 'athena' : 'engine';
    const took = (): string => `${((this.effects().clock.nowMs() - startedMs) / 1000).toFixed(1)} s`;
    if (output === 'arrow') {
      const limit = flags.limit === undefined ? {} : { maxRows: flags.limit };
      const write = (part: Uint8Array): Promise<void> => writeBytes(process.stdout, part, this.signal);
      const sent = await engine.arrow(sql, write, { dialect, ...limit, signal: this.signal });
      this.done(`Done. ${counted(sent.rows, 'row')}, ${(sent.bytes / 1e6).toFixed(1)} MB of Arrow in ${took()}`);
      return { columns: [], rows: [] };
    }
    const picks = flags.filter !== undefined || flags.sort !== undefined;
    const most = picks ? MOST_ROWS_SHAPED : (flags.limit ?? (this.isForProgram() ? PROGRAM_ROWS : SCREEN_ROWS));
    const result = await engine.query(sql, {
      dialect,
      maxRows: most,
      signal: this.signal,
    });
    const cut = result.truncated && (picks || flags.limit === undefined);
    if (cut && (picks || this.isForProgram())) throw tooManyRows(most, picks);
    const names = result.columns.map((column) => column.name);
    const rows = this.printRows(result.rows, names);
    if (cut) this.addWarning(`only the first ${result.rows.length} rows were read: --limit N reads more`);
    const megabytes = (result.bytesScanned / 1e6).toFixed(1);
    this.done(`Done. ${counted(rows.length, 'row')} from ${megabytes} MB of files in ${took()}`);
    return { columns: result.columns, rows };
  }
}

async function readAll(stream: AsyncIterable<string | Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
