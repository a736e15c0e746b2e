import { Args, Flags } from '@oclif/core';
import { commandLine } from '../../cli/command-line.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { destinationOfFlags, serverAccessFlags } from '../../cli/server-access-flags.js';
import type { RunReplayResult } from '../../core/replay/run-replay.js';

export default class IngestReplay extends KeystoneCommand {
  static override summary = 'Bring events into the log again: from the topic, bronze, a recorded trace or files';
  static override description = `SOURCE is "topic" (the log itself, up to where it ends now), "bronze" (the table, with --as-of as it was then), or files: traces
that ingest record made, bronze's own Parquet files, or any NDJSON, CSV (.gz too) and Parquet files, whose rows become events; a folder stands for its files,
and s3://bucket/key (or a prefix that ends in /) for what lies there.
Payload, key, headers, source and dataset stay as they are, byte for byte. Under their old ids (the default) events are
duplicates of what the lake has, and change no table; with --as-new they are new events, the newer versions of their keys.
A server that asks who sends makes the identity you prove the source; the old one is kept as ks-claimed-source.
Stopped by Ctrl-C or a crash, the same command with --resume goes on. Columns for --where: dataset, event_id, source, key, log_time,
payload (JSON), topic, kafka_partition, kafka_offset.`;
  static override examples = [
    '<%= config.bin %> ingest replay bronze --from 2018-08-01 --to 2018-08-02 --speed 60x --dry-run',
    "<%= config.bin %> ingest replay topic --dataset orders --as-new --where \"payload->>'order_status' = 'canceled'\"",
    '<%= config.bin %> ingest replay bronze --as-of 2018-08-31T12:00:00Z --to-topic rehearsal',
    '<%= config.bin %> ingest replay topic --from-checkpoint silver.orders@previous',
    '<%= config.bin %> ingest replay olist_orders_dataset.csv --speed 86400x --limit 10000',
    '<%= config.bin %> ingest replay s3://shop-exports/2018/olist_orders_dataset.csv --dry-run',
    '<%= config.bin %> ingest replay trace.parquet --rate 500/s --server 127.0.0.1:50051',
  ];
  static override strict = false;
  static override args = {
    source: Args.string({
      description: 'topic, bronze, or a file, a folder or s3://bucket/key; several may be given',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    from: Flags.string({ description: 'first log time: a day or an ISO time, UTC' }),
    to: Flags.string({ description: 'end of the log times, itself outside' }),
    dataset: Flags.string({ description: 'only this dataset; of plain files: the dataset of every event' }),
    where: Flags.string({ description: "only events for which this SQL expression is true, e.g. payload->>'order_id' = 'x'" }),
    'as-of': Flags.string({ description: 'bronze at this snapshot id or time' }),
    'from-checkpoint': Flags.string({ description: 'begin at the offsets that a snapshot carries: TABLE@SNAPSHOT' }),
    speed: Flags.string({ description: 'multiple of the original pace, e.g. 60x; of plain files by the partition timestamp' }),
    rate: Flags.string({ description: 'so many events per second, e.g. 500/s', exclusive: ['speed'] }),
    limit: Flags.integer({ description: 'at most so many events', min: 0 }),
    'as-new': Flags.boolean({ default: false, description: 'new ids; the old one stays as the header ks-replay-of' }),
    'to-topic': Flags.string({ description: 'append to this topic instead', exclusive: ['server'] }),
    server: Flags.string({ description: 'host:port of an ingest server; without it, straight into the log' }),
    resume: Flags.boolean({ default: false, description: 'go on where the same replay was stopped' }),
    'dry-run': Flags.boolean({ default: false, description: 'count events and bytes and say how long it would take' }),
    ...serverAccessFlags,
  };

  async run(): Promise<RunReplayResult> {
    const { flags, argv } = await this.parse(IngestReplay);
    const lakehouse = await this.lakehouse();
    const { runReplay } = await import('../../core/replay/run-replay.js');
    const target = await destinationOfFlags(flags.server, flags, {
      nowMs: this.effects().clock.nowMs(),
      warn: (text) => this.addWarning(text),
    });
    const { from, to, dataset, where, rate, speed, limit, server, resume } = flags;
    const asTyped = { from, to, dataset, where, rate, speed, limit, server, resume };
    const result = await runReplay(lakehouse, {
      ...asTyped,
      access: target.kind === 'server' ? target.access : undefined,
      sources: argv.map(String),
      asOf: flags['as-of'],
      fromCheckpoint: flags['from-checkpoint'],
      asNew: flags['as-new'],
      toTopic: flags['to-topic'],
      dryRun: flags['dry-run'],
      command: commandLine('keystone ingest replay', this.argv, ['--resume']),
      progress: this.progress,
      signal: this.signal,
    });
    for (const warning of result.warnings) this.addWarning(warning);
    for (const { eventId, message } of result.refusals) this.addWarning(`${eventId} was refused: ${message}`);
    if (result.refused > 0 || result.failedLines > 0) this.failChecks();
    const rows = Object.entries(result.datasets).map(([name, events]) => ({ dataset: name, events }));
    this.printRows(rows, ['dataset', 'events']);
    const pace = result.paceMs === 0 ? '' : ` over ${(result.paceMs / 1000).toFixed(1)} s of paced time`;
    const longLines = result.failedLines === 0 ? '' : `, ${result.failedLines} lines too long and left out`;
    const counted = `${result.events} events, ${result.bytes} bytes`;
    if (result.dryRun) this.done(`Dry run. ${counted}${longLines}${pace}; nothing was sent.`);
    else this.done(`Done. ${counted}: ${result.accepted} accepted, ${result.refused} refused${longLines}${pace}.`);
    return result;
  }
}
