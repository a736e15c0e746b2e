import { addAbortSignal } from 'node:stream';
import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { destinationOfFlags, serverAccessFlags } from '../../cli/server-access-flags.js';
import type { RunSendResult, SendInput } from '../../core/ingest/run-send.js';

export default class IngestSend extends KeystoneCommand {
  static override summary = 'Send events to the ingest server';
  static override description = `Each line of a file or of stdin is one payload, byte for byte without its line end; blank lines are counted, not sent.
With --raw, each file's bytes are one payload. Event ids come from the content, and a batch that has to be sent again keeps them:
the lake sees a duplicate, never a second event.`;
  static override examples = [
    '<%= config.bin %> ingest send events.ndjson',
    'tail -f events.ndjson | <%= config.bin %> ingest send - --dataset orders --source web',
    '<%= config.bin %> ingest send --raw photo.json broken.bin --dataset orders',
    '<%= config.bin %> ingest send events.ndjson --direct --receipts receipts.ndjson',
    '<%= config.bin %> ingest send events.ndjson --server ingest.shop.example:50051 --tls-ca authority.pem --token env:INGEST_TOKEN',
  ];
  static override strict = false;
  static override args = {
    file: Args.string({ description: 'NDJSON file; - or nothing is stdin; with --raw, one or more files', ignoreStdin: true }),
  };
  static override flags = {
    raw: Flags.boolean({ default: false, description: "each file's bytes are one payload" }),
    server: Flags.string({
      aliases: ['to'],
      description: 'host:port of the ingest server (ingest.host, ingest.port)',
      exclusive: ['direct'],
    }),
    direct: Flags.boolean({ default: false, description: 'append to the log without a server' }),
    dataset: Flags.string({ description: 'dataset of every event (ingest.defaultDataset)' }),
    source: Flags.string({ description: "where the events come from; the file's name by default" }),
    receipts: Flags.string({
      description: 'write each receipt to this file as it arrives (NDJSON: event_id, topic, partition, offset)',
    }),
    'dry-run': Flags.boolean({ default: false, description: 'read and count, send nothing' }),
    ...serverAccessFlags,
  };

  async run(): Promise<RunSendResult> {
    const { flags, argv } = await this.parse(IngestSend);
    const lakehouse = await this.lakehouse();
    const [{ sendInput, runSend }, { addressOf }] = await Promise.all([
      import('../../core/ingest/run-send.js'),
      import('../../core/ingest/server-address.js'),
    ]);
    const input: SendInput = sendInput(argv.map(String), flags.raw, addAbortSignal(this.signal, process.stdin));
    const { host, port } = lakehouse.config.ingest;
    const address = flags.direct ? undefined : (flags.server ?? addressOf(host, port));
    const result = await runSend(lakehouse, {
      input,
      destination: await destinationOfFlags(address, flags, {
        nowMs: this.effects().clock.nowMs(),
        warn: (text) => this.addWarning(text),
      }),
      dataset: flags.dataset,
      source: flags.source,
      receiptsPath: flags.receipts,
      dryRun: flags['dry-run'],
      progress: this.progress,
      signal: this.signal,
      onNotice: (text) => this.addWarning(text),
    });
    for (const warning of result.warnings) this.addWarning(warning);
    for (const { eventId, message } of result.refusals) this.addWarning(`${eventId} was refused: ${message}`);
    if (result.refused > 0 || result.failedLines > 0) this.failChecks();
    const blank = result.blankLines === 0 ? '' : `, ${result.blankLines} blank lines skipped`;
    const longLines = result.failedLines === 0 ? '' : `, ${result.failedLines} lines too long and left out`;
    if (result.dryRun)
      this.done(`Dry run. ${result.events} events, ${result.bytes} bytes${longLines}${blank}; nothing was sent.`);
    else this.done(`Done. ${result.accepted} events accepted, ${result.refused} refused${longLines}${blank}.`);
    return result;
  }
}
