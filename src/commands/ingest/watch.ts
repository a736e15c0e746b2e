import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { destinationOfFlags, serverAccessFlags } from '../../cli/server-access-flags.js';
import { watchFileText, watchProblems } from '../../cli/watch-text.js';
import type { RunWatchResult } from '../../core/ingest/uploads/run-watch.js';
import type { UploadReport } from '../../core/ingest/uploads/upload-report.js';

const COLUMNS = ['file', 'dataset', 'status', 'events', 'accepted', 'refused', 'badRows', 'movedTo', 'reason'];

export default class IngestWatch extends KeystoneCommand {
  static override summary = 'Take in files that are uploaded into a folder';
  static override description = `Each CSV or NDJSON file (.csv, .ndjson, .jsonl, or these with .gz) is taken once it has stood still for a moment, brought
into the log, and moved to done/ or failed/ below the folder with <name>.report.json beside it: counts, problems by line, first and last receipt.
The dataset comes from --dataset, the sub-folder's name, or the file's (orders.csv, orders-2017-10-02.csv). Names like .part or .tmp are left
alone. Several watchers may share a folder; after kill -9 the next one takes up what was under way, and no event counts twice.`;
  static override examples = [
    '<%= config.bin %> ingest watch ./uploads',
    '<%= config.bin %> ingest watch ./uploads --once',
    '<%= config.bin %> ingest watch ./uploads --dataset orders --settle 10s --server 127.0.0.1:50051',
    '<%= config.bin %> ingest watch ./uploads --dry-run',
  ];
  static override args = { dir: Args.string({ description: 'folder of the uploads', required: true, ignoreStdin: true }) };
  static override flags = {
    dataset: Flags.string({ description: 'dataset of every file' }),
    settle: Flags.string({ description: 'how long a file must have stood still, e.g. 10s (2s)' }),
    once: Flags.boolean({ default: false, description: 'take in what is there, then end' }),
    server: Flags.string({
      aliases: ['to'],
      description: 'host:port of an ingest server; without it, straight into the log',
    }),
    'dry-run': Flags.boolean({ default: false, description: 'read and count what is there; append and move nothing' }),
    ...serverAccessFlags,
  };

  async run(): Promise<RunWatchResult> {
    const { flags, args } = await this.parse(IngestWatch);
    const lakehouse = await this.lakehouse();
    const [{ runWatch }, { parseSettle }] = await Promise.all([
      import('../../core/ingest/uploads/run-watch.js'),
      import('../../core/ingest/uploads/settle-time.js'),
    ]);
    const asItComes = flags.output === 'ndjson';
    const tell = (report: UploadReport): void => {
      if (asItComes) this.printRows([report]);
      else this.say(watchFileText(report));
      for (const problem of watchProblems(report)) this.addWarning(problem);
    };
    const result = await runWatch(lakehouse, {
      dir: args.dir,
      dataset: flags.dataset,
      destination: await destinationOfFlags(flags.server, flags, {
        nowMs: this.effects().clock.nowMs(),
        warn: (text) => this.addWarning(text),
      }),
      settleMs: parseSettle(flags.settle),
      once: flags.once,
      dryRun: flags['dry-run'],
      progress: this.progress,
      signal: this.signal,
      onEvent: (event) => {
        if (event.kind === 'watching' && !flags.once) this.done(`Watching ${args.dir}. Ctrl-C stops.`);
        if (event.kind === 'file') tell(event.report);
        if (event.kind === 'left') this.addWarning(`${event.file.name} is left where it is: ${event.file.reason}`);
        if (event.kind === 'waiting') {
          this.addWarning(`${event.name ?? args.dir} waits, next try in ${event.retryMs / 1000} s: ${event.reason}`);
        }
      },
    });
    if (flags.output !== 'table' && !asItComes) this.printRows(result.files, COLUMNS);
    if (result.failed > 0) this.failChecks();
    if (result.interrupted !== null) {
      this.addWarning(`${result.interrupted} was not read to its end and lies where it was; the same command reads it again`);
      this.endWith(6);
    }
    const files = `${result.done} ${result.done === 1 ? 'file' : 'files'} done, ${result.failed} failed`;
    if (result.dryRun) this.done(`Dry run. ${files}; nothing was appended or moved.`);
    else
      this.done(
        `Done. ${files}, ${result.accepted} ${result.accepted === 1 ? 'event' : 'events'} accepted${result.badRows > 0 ? ` (${result.badRows} rows unreadable, bound for the error zone)` : ''}.`,
      );
    return result;
  }
}
