import { Args } from '@oclif/core';
import { checkArrowUse } from '../cli/arrow-use.js';
import { answerLine, estimateLine } from '../cli/answer-line.js';
import { counted } from '../cli/counted.js';
import { KeystoneCommand } from '../cli/keystone-command.js';
import { isCut, queryFlags, questionOf } from '../cli/query-flags.js';
import { sizeText } from '../cli/size-text.js';
import { statementText } from '../cli/statement-text.js';
import { writeBytes } from '../cli/write-bytes.js';
import type { QueryProgress, ResultColumn } from '../core/engine/sql-engine.js';
import type { EngineName } from '../core/lakehouse.js';
import type { LakeAnswer, QuestionEstimate } from '../core/query/ask-lake.js';

export default class Query extends KeystoneCommand {
  static override summary = 'Ask one SQL question to the tables of the lake';
  static override description =
    'Reads bronze.*, silver.*, gold.*, quarantine.*, error.* and ledger.* as they are when the query begins; changes nothing and reads nothing else. Speaks DuckDB’s SQL, or with --dialect athena that of the gold models (Trino). ' +
    'Without --limit a result of more than 10,000 rows is cut on the screen, with a warning; for a program (--json, --output json, ndjson or csv) it is whole, and refused beyond 250,000 rows. ' +
    '--output arrow streams the result of any length as Arrow IPC, types kept (decimals, microseconds, bytes, lists): pyarrow.ipc.open_stream and polars.read_ipc_stream read it. Only exit code 0 means that it is whole: one that was stopped or failed half-way ends in a message without a body, at which pyarrow fails. ' +
    '--sort and --filter work on the whole result, of up to 1,000,000 rows, and refuse a longer one; ORDER BY, WHERE and LIMIT in the SQL know no such bound. ' +
    'On Athena and Trino the statement’s cost is estimated from the tables’ manifests first: one that reads a partitioned table without a condition on its partitions is refused without --allow-full-scan, and one above --max-scan always. ' +
    'When the service is away DuckDB answers from the same files, then the last answer to the same words, each with a warning; --no-fallback fails instead.';
  static override examples = [
    '<%= config.bin %> query "SELECT order_status, count(*) FROM silver.orders GROUP BY 1 ORDER BY 2 DESC"',
    '<%= config.bin %> query "DESCRIBE gold.fact_sales"',
    '<%= config.bin %> query "SELECT * FROM silver.order_items" --sort price:desc --limit 10',
    'cat report.sql | <%= config.bin %> query - --output csv',
    '<%= config.bin %> query "SELECT * FROM gold.fact_sales" --output arrow > sales.arrows',
    '<%= config.bin %> query "SELECT order_status FROM silver.orders WHERE order_purchase_timestamp >= TIMESTAMP \'2018-01-01\'" --max-scan 10MB',
  ];
  static override args = {
    sql: Args.string({ required: true, description: 'The statement, or - to read it from standard input' }),
  };
  static override flags = queryFlags;

  async run(): Promise<
    { columns: readonly ResultColumn[]; rows: readonly object[]; bytesScanned?: number } & Partial<LakeAnswer>
  > {
    const { args, flags } = await this.parse(Query);
    const output: string = flags.output; // narrower in the base's flags
    if (output === 'arrow') checkArrowUse(flags, process.stdout.isTTY === true);
    const sql = await statementText(args.sql, process.stdin);
    const lakehouse = await this.lakehouseAsking(flags.engine as EngineName | undefined);
    const startedMs = this.effects().clock.nowMs();
    const took = (): string => `${((this.effects().clock.nowMs() - startedMs) / 1000).toFixed(1)} s`;
    const reader = this.isForProgram() ? 'program' : 'person';
    const question = {
      ...questionOf(sql, flags, lakehouse, output === 'arrow' ? 'stream' : reader),
      signal: this.signal,
      onEstimate: (estimate: QuestionEstimate): void => this.notice(estimateLine(estimate), 'query.estimate'),
      onProgress: ({ state, bytesScanned }: QueryProgress): void =>
        this.progress({ phase: state.toLowerCase(), done: bytesScanned, unit: 'bytes' }),
    };
    if (output === 'arrow') {
      const { streamLake } = await import('../core/query/stream-lake.js');
      const write = (part: Uint8Array): Promise<void> => writeBytes(process.stdout, part, this.signal);
      const sent = await streamLake(lakehouse, question, write);
      for (const warning of sent.warnings ?? []) this.addWarning(warning);
      this.done(`Done. ${counted(sent.rows, 'row')}, ${sizeText(sent.bytes)} of Arrow in ${took()}`);
      return { columns: [], rows: [] };
    }
    const { askLake } = await import('../core/query/ask-lake.js');
    const { result, ...answer } = await askLake(lakehouse, question);
    const cut = isCut(result.truncated, question.maxRows, flags, reader);
    const names = result.columns.map((column) => column.name);
    const rows = this.printRows(result.rows, names);
    if (cut) this.addWarning(`only the first ${result.rows.length} rows were read: --limit N reads more`);
    for (const warning of answer.warnings) this.addWarning(warning);
    this.done(answerLine(rows.length, result, answer, took()));
    const { warnings: _, ...told } = answer;
    return { columns: result.columns, rows, bytesScanned: result.bytesScanned, ...told };
  }
}
