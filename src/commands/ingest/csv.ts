import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { destinationOfFlags, serverAccessFlags } from '../../cli/server-access-flags.js';
import type { RunCsvResult } from '../../core/ingest/files/run-csv.js';

export default class IngestCsv extends KeystoneCommand {
  static override summary = 'Bring CSV files into the log';
  static override description = `Takes a file, a gzip, or a folder of Olist CSVs; other files of the folder are named and skipped. A bucket is asked as
store.s3 says (endpoint, region, credentials). The dataset comes from the file's name (olist_orders_dataset.csv, orders.csv) or
--dataset. Each row becomes one JSON event. A row that cannot be read goes on as its raw bytes with its line and reason, into the error
zone. The same file twice changes nothing above bronze.`;
  static override examples = [
    '<%= config.bin %> ingest csv ./olist',
    '<%= config.bin %> ingest csv returns.csv.gz --dataset orders',
    '<%= config.bin %> ingest csv ./olist --dry-run',
    '<%= config.bin %> ingest csv s3://shop-exports/olist/',
    '<%= config.bin %> ingest csv ./olist --server 127.0.0.1:50051',
    '<%= config.bin %> ingest csv ./olist --server ingest.shop.example:50051 --tls-ca authority.pem --token env:INGEST_TOKEN',
  ];
  static override strict = false;
  static override args = {
    path: Args.string({
      description: 'file, .gz or folder, also in a bucket (s3://bucket/folder/); several may be given',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    dataset: Flags.string({ description: 'dataset of every file' }),
    server: Flags.string({
      aliases: ['to'],
      description: 'host:port of an ingest server; without it, straight into the log',
    }),
    'dry-run': Flags.boolean({ default: false, description: 'read and count everything, append nothing' }),
    ...serverAccessFlags,
  };

  async run(): Promise<RunCsvResult> {
    const { flags, argv } = await this.parse(IngestCsv);
    const lakehouse = await this.lakehouse();
    const { runCsv } = await import('../../core/ingest/files/run-csv.js');
    const { clock } = this.effects();
    const startMs = clock.nowMs();
    const result = await runCsv(lakehouse, {
      paths: argv.map(String),
      dataset: flags.dataset,
      destination: await destinationOfFlags(flags.server, flags, { nowMs: startMs, warn: (text) => this.addWarning(text) }),
      dryRun: flags['dry-run'],
      progress: this.progress,
      signal: this.signal,
    });
    this.printRows(result.files, ['path', 'dataset', 'status', 'rows', 'badRows', 'message']);
    for (const { status, path, message } of result.files) {
      if (status === 'failed') this.addWarning(message?.startsWith(path) === true ? message : `${path}: ${message ?? ''}`);
    }
    for (const warning of result.warnings) this.addWarning(warning);
    for (const { eventId, message } of result.refusals) this.addWarning(`${eventId} was refused: ${message}`);
    if (result.refused > 0 || result.files.some(({ status }) => status === 'failed')) this.failChecks();
    const bad = result.badRows === 0 ? '' : ` (${result.badRows} unreadable, bound for the error zone)`;
    const seconds = ((clock.nowMs() - startMs) / 1000).toFixed(1);
    if (result.dryRun) this.done(`Dry run. ${result.rows} rows${bad}, ${result.bytes} bytes; nothing was appended.`);
    else
      this.done(`Done. ${result.accepted} rows${bad} in the log in ${seconds} s. Next: keystone consume run --until-caught-up`);
    return result;
  }
}
