/**
 * The base of every command: the command-line contract in one place. Data goes to standard output, everything else to standard
 * error; `--json` prints one envelope; the exit code is the error's; what was opened is closed.
 */
import { Command, type Interfaces } from '@oclif/core';
import type { ResolvedConfig } from '../core/config/config.js';
import type { LoadedConfig } from '../core/config/load-config.js';
import { rememberForeignSecrets } from '../core/config/secrets.js';
import { EXIT, KeystoneError } from '../core/errors.js';
import type { Effects, EngineName, Lakehouse } from '../core/lakehouse.js';
import type { LogFields } from '../core/logging/logger.js';
import type { ReportProgress } from '../core/progress.js';
import { commandJournal } from './command-journal.js';
import type { CommandLog } from './command-log.js';
import { commandOutput } from './command-output.js';
import { commandProgress } from './command-progress.js';
import { wordsOf } from './command-words.js';
import { systemEffects } from './effects.js';
import { failureJson, failureOf, renderFailure } from './failure.js';
import { globalFlags, listFlags, longListFlags, shapedListFlags } from './global-flags.js';
import { jsonEnvelope } from './json-envelope.js';
import { loadProject, type FlagSettings, type ProjectFlags } from './load-project.js';
import { logChoice } from './log-choice.js';
import { measuredEffects, type MeasuredEffects } from './measured-effects.js';
import { silentProgress, type ProgressReporter } from './progress-reporter.js';
import type { OutputFormat } from './render-rows.js';
import type { RowShape } from './shape-rows.js';
import { withReadableSort } from './sort-flag.js';
import { listenForStop, type StopSignals } from './stop-signals.js';
import { coloured } from './terminal.js';

export { listFlags, longListFlags, shapedListFlags };

/** What `run` returns: the `result` of `--json`. */
export type JsonResult = unknown;

/** The global and list flags as parsed; commands without list flags have those undefined. */
interface GivenFlags extends ProjectFlags, RowShape {
  readonly output?: OutputFormat;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export abstract class KeystoneCommand extends Command {
  static override baseFlags = globalFlags;

  private readonly startedAtMs = Date.now();
  private given: GivenFlags = {};
  private loaded: Promise<LoadedConfig> | undefined;
  private ownLog: CommandLog | undefined;
  private ownEffects: Effects | undefined;
  private opened: Promise<Lakehouse> | undefined;
  private measured: MeasuredEffects | null = null;
  private stop: StopSignals | undefined;
  private reporter: ProgressReporter | undefined;
  private failed = false;
  private endCode = 0;
  private readonly envelope = jsonEnvelope();
  private readonly output = commandOutput({
    isJson: () => this.json(),
    shape: () => this.given,
    envelope: this.envelope,
    clear: () => this.reporter?.clear(),
  });

  protected override async init(): Promise<void> {
    await super.init();
    rememberForeignSecrets(process.env);
    await this.journal.configure(logChoice(this.argv, process.env), {});
    if (this.journal.isJson()) this.journal.info('command.started', { pid: process.pid });
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, withReadableSort(argv ?? this.argv));
    this.given = parsed.flags as GivenFlags;
    return parsed;
  }

  abstract override run(): Promise<JsonResult>;

  protected override async _run<T>(): Promise<T> {
    const result = await super._run<T>();
    if (this.failed) return result;
    if (this.endCode !== 0) process.exitCode = this.endCode;
    this.output.result(result);
    return result;
  }

  // oclif would print the error itself and, under --json, turn every exit code into 1.
  protected override async catch(
    error: Error & { readonly code?: string; readonly oclif?: { readonly exit?: number } },
  ): Promise<void> {
    this.failed = true;
    if (error.code === 'EEXIT') {
      process.exitCode = error.oclif?.exit ?? 0;
      return;
    }
    const stopped = error.name === 'AbortError' ? this.stop?.exitCode() : undefined;
    const flags = Object.keys({ ...this.ctor.baseFlags, ...this.ctor.flags, help: true });
    const failure = failureOf(error, flags, `${this.config.bin} ${(this.id ?? '').replaceAll(':', ' ')}`);
    process.exitCode = stopped ?? failure.exitCode;
    if (this.json()) {
      const interrupted = { code: 'KS_INTERRUPTED', message: error.message };
      const told = stopped === undefined ? failureJson(failure) : interrupted;
      await this.lookAtDegradation();
      this.output.error(told);
    }
    if (stopped !== undefined) {
      if (this.journal.isJson() || !this.json()) this.journal.tell('info', 'command.stopped', `${error.message}.`);
    } else if (this.journal.isJson() || !this.json()) {
      const look = { colour: coloured(process.stderr), verbose: this.given.verbose === true };
      this.journal.fail(failure, renderFailure(failure, look).trimEnd());
    }
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.reporter?.clear();
    const lakehouse = await this.opened?.catch(() => undefined);
    if (!this.output.hasLines()) await this.lookAtDegradation();
    await lakehouse?.close();
    await this.measured?.close();
    if (this.journal.isJson()) {
      const exitCode = Number(process.exitCode ?? this.endCode);
      this.journal.info('command.ended', { exitCode, seconds: (Date.now() - this.startedAtMs) / 1000 });
    }
    this.stop?.dispose();
    await super.finally(error);
  }

  /** The project's configuration: file, profile, environment and flags put together; `flags` are a command's own that stand for settings. */
  protected async project(flags: FlagSettings = {}): Promise<ResolvedConfig> {
    return (await this.loadedProject(flags)).config;
  }

  /** The configuration together with what overrode it. */
  protected async loadedProject(flags: FlagSettings = {}): Promise<LoadedConfig> {
    this.loaded ??= loadProject(this.given, flags).then(async (loaded) => {
      await this.journal.configure(loaded.config.logging, { profile: loaded.config.profileName });
      return loaded;
    });
    return this.loaded;
  }

  /** What goes to standard error, and core's log. */
  protected get journal(): CommandLog {
    this.ownLog ??= commandJournal({
      command: (this.id ?? '').replaceAll(':', ' '),
      words: wordsOf(this.argv),
      clear: () => this.reporter?.clear(),
    });
    return this.ownLog;
  }

  /** The lakehouse of the project; closed when the command ends. */
  protected async lakehouse(flags: FlagSettings = {}): Promise<Lakehouse> {
    this.opened ??= Promise.all([import('../core/lakehouse.js'), this.project(flags)]).then(([{ openLakehouse }, config]) =>
      openLakehouse(config, this.effects()),
    );
    return this.opened;
  }

  /** The same for a command that works on and on: what it does is counted, where `metrics.*` asks for it. */
  protected async measuredLakehouse(flags: FlagSettings = {}, hasPage = true): Promise<Lakehouse> {
    const config = await this.project(flags);
    this.measured = await measuredEffects(config, this.effects(), { journal: this.journal, hasPage });
    if (this.measured) {
      const { effects, places } = this.measured;
      this.ownEffects = effects;
      if (hasPage && places.length > 0) this.notice(`Metrics: ${places.join(', ')}.`, 'metrics.started', { places });
    }
    return this.lakehouse(flags);
  }

  /** The same for a command that asks `engine` (absent: the profile's): what a service reads is counted, and sent when the command ends. */
  protected async lakehouseAsking(engine: EngineName | undefined): Promise<Lakehouse> {
    const { profile } = await this.project();
    return (engine ?? profile.engine.adapter) === 'duckdb' ? this.lakehouse() : this.measuredLakehouse({}, false);
  }

  protected effects(): Effects {
    this.ownEffects ??= { ...systemEffects(), logger: this.journal };
    return this.ownEffects;
  }

  /** Aborted by SIGINT or SIGTERM; a command that takes it promises to stop in good order. */
  protected get signal(): AbortSignal {
    this.stop ??= listenForStop((text) => this.journal.tell('info', 'command.stopping', text));
    return this.stop.signal;
  }

  protected get progress(): ReportProgress {
    this.reporter ??= this.given.quiet ? silentProgress : commandProgress(this.journal);
    return this.reporter.report;
  }

  /** Prints rows on standard output as `--output` and the list flags say; returns them filtered, sorted and limited. */
  protected printRows<T extends object>(rows: readonly T[], columns?: readonly string[]): readonly T[] {
    return this.output.rows(rows, columns);
  }

  /** Rows on a screen may be cut with a warning; a program must get what it asked for, or an error. */
  protected isForProgram(): boolean {
    return this.output.isForProgram();
  }

  /** Text for people on standard output; nothing when a program reads it. */
  protected say(text: string): void {
    this.output.say(text);
  }

  /** One JSON line on standard output, for commands whose result has no end: such lines stand for the envelope of `--json`. */
  protected printLine(value: unknown): void {
    this.output.line(value);
  }

  /** What a long command does, on standard error. */
  protected notice(text: string, event = 'command.notice', fields: LogFields = {}): void {
    if (!this.given.quiet || this.journal.isJson()) this.journal.tell('info', event, text, fields);
  }

  /** The total line, on standard error. */
  protected done(text: string): void {
    this.notice(text, 'command.done');
  }

  /** Kept for the envelope of `--json`, and told on standard error. */
  protected addWarning(text: string): void {
    this.keepWarning(text);
    this.journal.tell('warn', 'command.warning', this.journal.isJson() ? text : `Warning: ${text}`);
  }

  /** For the envelope of `--json` alone, where the log has a line of its own for it. */
  protected keepWarning(text: string): void {
    this.envelope.warn(text);
  }

  /** The error of words or flags that do not fit together; `hint` is the command that does. */
  protected wrongUse(message: string, hint: string): KeystoneError {
    return new KeystoneError('KS_USAGE', message, { hint });
  }

  /** The command did its work and found data that failed: exit code 3. */
  protected failChecks(): void {
    this.endWith(EXIT.dataFailed);
  }

  /** The exit code of a command that did its work, though its outcome is not 0. */
  protected endWith(exitCode: number): void {
    this.endCode = exitCode;
  }

  /** For replies about a lake, while it is open; the others say nothing of it, because it would cost them a database. */
  private async lookAtDegradation(): Promise<void> {
    if (this.opened && this.json()) this.envelope.tellDegradation(await this.levelNow());
  }

  /** What a JSON reply says of the level of degradation; null: nobody can tell. */
  protected async levelNow(): Promise<object | null> {
    const lakehouse = await this.opened?.catch(() => undefined);
    const found = (await lakehouse?.degradation().catch(() => null)) ?? null;
    return found && { level: found.level, mode: found.mode, causes: found.causes };
  }

  /** Asked before the flags are parsed too, since a parse error is also told as JSON. */
  private json(): boolean {
    return wordsOf(this.argv).includes('--json');
  }
}
