import { Args, Flags } from '@oclif/core';
import { commandLine } from '../../cli/command-line.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { RunRecordResult } from '../../core/replay/run-record.js';

export default class IngestRecord extends KeystoneCommand {
  static override summary = 'Write a slice of the topic or of bronze as a portable trace';
  static override description = `The trace is one file: Parquet with bronze's columns, or NDJSON (.gz too), where bytes that are no text are base64. It says which
project, topic and range it holds and how many events. ingest replay brings it into any project again, byte for byte. The file
appears under its name once it is whole and on disk. Columns for --where: as in ingest replay.`;
  static override examples = [
    '<%= config.bin %> ingest record --out incident.parquet --from 2018-08-01T02:00:00Z --to 2018-08-01T03:00:00Z',
    '<%= config.bin %> ingest record bronze --out orders.ndjson.gz --dataset orders --limit 1000',
    '<%= config.bin %> ingest record topic --out broken.ndjson --where "payload IS NULL" --dry-run',
  ];
  static override args = {
    source: Args.string({ description: 'topic or bronze', options: ['topic', 'bronze'], default: 'topic', ignoreStdin: true }),
  };
  static override flags = {
    out: Flags.string({ description: 'the trace: a name that ends in .parquet, .ndjson or .ndjson.gz', required: true }),
    from: Flags.string({ description: 'first log time: a day or an ISO time, UTC' }),
    to: Flags.string({ description: 'end of the log times, itself outside' }),
    dataset: Flags.string({ description: 'only this dataset' }),
    where: Flags.string({ description: "only events for which this SQL expression is true, e.g. payload->>'order_id' = 'x'" }),
    'as-of': Flags.string({ description: 'bronze at this snapshot id or time' }),
    limit: Flags.integer({ description: 'at most so many events', min: 0 }),
    force: Flags.boolean({ default: false, description: 'replace the file when it is there' }),
    'dry-run': Flags.boolean({ default: false, description: 'count events and bytes, write nothing' }),
  };

  async run(): Promise<RunRecordResult> {
    const { args, flags } = await this.parse(IngestRecord);
    const lakehouse = await this.lakehouse();
    const { runRecord } = await import('../../core/replay/run-record.js');
    const { out, force, from, to, dataset, where, limit } = flags;
    const asTyped = { out, force, from, to, dataset, where, limit };
    const result = await runRecord(lakehouse, {
      ...asTyped,
      source: args.source === 'bronze' ? 'bronze' : 'topic',
      asOf: flags['as-of'],
      dryRun: flags['dry-run'],
      progress: this.progress,
      signal: this.signal,
    });
    const rows = Object.entries(result.datasets).map(([name, events]) => ({ dataset: name, events }));
    this.printRows(rows, ['dataset', 'events']);
    const counted = `${result.events} events, ${result.bytes} payload bytes`;
    if (result.dryRun) this.done(`Dry run. ${counted}; nothing was written.`);
    else
      this.done(
        `Done. ${counted} in ${result.out} (${result.fileBytes} bytes). Next: ${commandLine('keystone ingest replay', [result.out, '--dry-run'])}`,
      );
    return result;
  }
}
