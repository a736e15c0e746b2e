import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { RunReplayResult } from '../../core/ingest/run-replay.js';

export default class IngestReplay extends KeystoneCommand {
  static override summary = 'Replay files of events, paced';
  static override description = `Brings NDJSON or CSV files into the log again: as fast as it goes, at a steady --rate, or at a --speed relative to the pace of
the contract's partition timestamp in file order (a step back in time counts as none). Ids are those of the first time, so what the lake
already has stays as it is.`;
  static override examples = [
    '<%= config.bin %> ingest replay orders.ndjson --rate 500/s',
    '<%= config.bin %> ingest replay olist_orders_dataset.csv --speed 86400x --limit 10000',
    '<%= config.bin %> ingest replay orders.ndjson --speed 10x --dry-run',
  ];
  static override strict = false;
  static override args = {
    file: Args.string({ description: 'NDJSON, .csv or .csv.gz; several may be given', required: true, ignoreStdin: true }),
  };
  static override flags = {
    dataset: Flags.string({ description: 'dataset of every event; by file name where it says so' }),
    rate: Flags.string({ description: 'so many events per second, e.g. 500/s', exclusive: ['speed'] }),
    speed: Flags.string({ description: 'multiple of the original pace, e.g. 10x' }),
    limit: Flags.integer({ description: 'at most so many events', min: 0 }),
    to: Flags.string({ description: 'host:port of an ingest server; without it, straight into the log' }),
    'dry-run': Flags.boolean({ default: false, description: 'count events and bytes and say how long it would take' }),
  };

  async run(): Promise<RunReplayResult> {
    const { flags, argv } = await this.parse(IngestReplay);
    const lakehouse = await this.lakehouse();
    const { runReplay } = await import('../../core/ingest/run-replay.js');
    const result = await runReplay(lakehouse, {
      paths: argv.map(String),
      dataset: flags.dataset,
      rate: flags.rate,
      speed: flags.speed,
      limit: flags.limit,
      destination: flags.to === undefined ? { kind: 'log' } : { kind: 'server', address: flags.to },
      dryRun: flags['dry-run'],
      progress: this.progress,
      signal: this.signal,
    });
    for (const warning of result.warnings) this.addWarning(warning);
    for (const { eventId, message } of result.refusals) this.addWarning(`${eventId} was refused: ${message}`);
    if (result.refused > 0 || result.failedLines > 0) this.failChecks();
    const rows = Object.entries(result.datasets).map(([dataset, events]) => ({ dataset, events }));
    this.printRows(rows, ['dataset', 'events']);
    const pace = result.paceMs === 0 ? '' : ` over ${(result.paceMs / 1000).toFixed(1)} s of paced time`;
    const longLines = result.failedLines === 0 ? '' : `, ${result.failedLines} lines too long and left out`;
    if (result.dryRun) this.done(`Dry run. ${result.events} events, ${result.bytes} bytes${longLines}${pace}; nothing was sent.`);
    else this.done(`Done. ${result.accepted} events accepted, ${result.refused} refused${longLines}${pace}.`);
    return result;
  }
}
