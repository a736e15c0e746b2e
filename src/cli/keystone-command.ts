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
import { redactText } from '../core/logging/redaction.js';
import { newTraceId, traceIdOf } from '../core/logging/trace-context.js';
import type { OpenMetrics } from '../core/metrics/open-metrics.js';
import type { ReportProgress } from '../core/progress.js';
import { commandLog, type CommandLog } from './command-log.js';
import { systemEffects } from './effects.js';
import { failureJson, failureOf, renderFailure } from './failure.js';
import { globalFlags, listFlags, longListFlags, shapedListFlags } from './global-flags.js';
import { jsonText } from './json-text.js';
import { logChoice } from './log-choice.js';
import { progressReporter, silentProgress, type ProgressReporter } from './progress-reporter.js';
import { renderRows, type OutputFormat } from './render-rows.js';
import { shapeRows, type Row } from './shape-rows.js';
import { withReadableSort } from './sort-flag.js';
import { listenForStop, type StopSignals } from './stop-signals.js';
import { coloured } from './terminal.js';

export { listFlags, longListFlags, shapedListFlags };

/** What `run` returns: the `result` of `--json`. */
export type JsonResult = unknown;

/** The global and list flags as parsed; commands without list flags have those undefined. */
interface GivenFlags {
  readonly output?: OutputFormat;
  readonly profile?: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly columns?: string;
  readonly sort?: string;
  readonly filter?: readonly string[];
  readonly limit?: number;
}

/** Flag of a command → the setting that it stands for, e.g. `{ 'max-memory': 'consume.maxMemory' }`. */
export type FlagSettings = Readonly<Record<string, string>>;

/** Global flags that stand for settings. */
const GLOBAL_SETTINGS: FlagSettings = { 'log-format': 'logging.format', 'log-level': 'logging.level' };

export abstract class KeystoneCommand extends Command {
  static override baseFlags = globalFlags;

  private given: GivenFlags = {};
  private readonly warnings: string[] = [];
  private rowsPrinted = false;
  private linesPrinted = false;
  private failed = false;
  private endCode = 0;
  private stop: StopSignals | undefined;
  private reporter: ProgressReporter | undefined;
  private ownEffects: Effects | undefined;
  private opened: Promise<Lakehouse> | undefined;
  /** What a JSON reply says of the level of degradation; null: nobody can tell. */
  private degradation: { readonly degradation?: object | null } = {};
  private loaded: Promise<LoadedConfig> | undefined;
  private ownLog: CommandLog | undefined;
  private metrics: OpenMetrics | null = null;
  private readonly startedAtMs = Date.now();

  abstract override run(): Promise<JsonResult>;

  /** The project's configuration: file, profile, environment and flags put together; `flags` are a command's own that stand for settings. */
  protected async project(flags: FlagSettings = {}): Promise<ResolvedConfig> {
    return (await this.loadedProject(flags)).config;
  }

  /** The configuration together with what overrode it. */
  protected async loadedProject(flags: FlagSettings = {}): Promise<LoadedConfig> {
    this.loaded ??= import('../core/config/load-config.js').then(async ({ loadConfigWithOrigins }) => {
      const { config, profile, set } = this.given;
      const given: Readonly<Record<string, unknown>> = { ...this.given };
      const own = Object.entries({ ...GLOBAL_SETTINGS, ...flags }).flatMap(([flag, setting]) =>
        given[flag] === undefined ? [] : [{ flag: `--${flag}`, setting, text: String(given[flag]) }],
      );
      const loaded = await loadConfigWithOrigins({
        cwd: process.cwd(),
        env: process.env,
        configPath: config,
        profile,
        ...(set ? { set } : {}),
        flags: own,
      });
      await this.journal.configure(loaded.config.logging, { profile: loaded.config.profileName });
      return loaded;
    });
    return this.loaded;
  }

  /** What goes to standard error, and core's log. */
  protected get journal(): CommandLog {
    this.ownLog ??= commandLog({
      facts: {
        command: (this.id ?? '').replaceAll(':', ' '),
        traceId: traceIdOf(process.env['TRACEPARENT']) ?? newTraceId(systemEffects().randomBytes),
      },
      verbose: this.words().some((word) => word === '--verbose' || word.startsWith('--log-level')),
      nowMs: () => Date.now(),
      write: (text) => {
        this.reporter?.clear();
        process.stderr.write(text);
      },
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
    const { openMetrics } = await import('../core/metrics/open-metrics.js');
    const { journal } = this;
    const writeLine = journal.isJson() ? (line: object): void => journal.line({ ...line }) : undefined;
    this.metrics = await openMetrics(config, this.effects(), { writeLine, hasPage });
    if (this.metrics) {
      const { metrics, places } = this.metrics;
      this.ownEffects = { ...this.effects(), metrics };
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
    this.reporter ??= this.given.quiet
      ? silentProgress
      : progressReporter({
          write: (text) => process.stderr.write(text),
          terminal: process.stderr.isTTY === true,
          widthColumns: process.stderr.columns ?? 80,
          nowMs: () => Date.now(),
          ...(this.journal.isJson()
            ? { tell: (progress, elapsedMs) => this.journal.info('command.progress', { ...progress, elapsedMs }) }
            : {}),
        });
    return this.reporter.report;
  }

  /** Prints rows on standard output as `--output` and the list flags say; returns them filtered, sorted and limited. */
  protected printRows<T extends object>(rows: readonly T[], columns?: readonly string[]): readonly T[] {
    const shown = columns ?? Object.keys(rows[0] ?? {});
    const shaped = shapeRows(rows, shown, this.given);
    if (!this.json()) {
      const terminal = process.stdout.isTTY === true;
      const look = { colour: coloured(process.stdout), widthColumns: terminal ? process.stdout.columns : undefined };
      this.print(renderRows(shaped, this.format(), look));
      this.rowsPrinted = true;
    }
    return shaped.rows as readonly (T & Row)[];
  }

  /** Rows on a screen may be cut with a warning; a program must get what it asked for, or an error. */
  protected isForProgram(): boolean {
    return this.json() || this.format() !== 'table';
  }

  /** Text for people on standard output; nothing when a program reads it. */
  protected say(text: string): void {
    if (!this.json() && this.format() === 'table') this.print(`${text}\n`);
  }

  /** One JSON line on standard output, for commands whose result has no end: such lines stand for the envelope of `--json`. */
  protected printLine(value: unknown): void {
    this.linesPrinted = true;
    this.print(`${jsonText(value)}\n`);
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
    this.warnings.push(redactText(text));
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

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, withReadableSort(argv ?? this.argv));
    this.given = parsed.flags as GivenFlags;
    return parsed;
  }

  protected override async init(): Promise<void> {
    await super.init();
    rememberForeignSecrets(process.env);
    await this.journal.configure(logChoice(this.argv, process.env), {});
    if (this.journal.isJson()) this.journal.info('command.started', { pid: process.pid });
  }

  protected override async _run<T>(): Promise<T> {
    const result = await super._run<T>();
    if (this.failed) return result;
    if (this.endCode !== 0) process.exitCode = this.endCode;
    if (this.linesPrinted) return result;
    if (this.json()) this.print(`${jsonText({ result, warnings: this.warnings, ...this.degradation }, 2)}\n`);
    else if (this.format() === 'json' && !this.rowsPrinted) this.print(`${jsonText(result, 2)}\n`);
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
      this.print(`${jsonText({ error: told, ...this.degradation }, this.linesPrinted ? 0 : 2)}\n`);
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
    if (!this.linesPrinted) await this.lookAtDegradation();
    await lakehouse?.close();
    await this.metrics?.close();
    if (this.journal.isJson()) {
      const exitCode = Number(process.exitCode ?? this.endCode);
      this.journal.info('command.ended', { exitCode, seconds: (Date.now() - this.startedAtMs) / 1000 });
    }
    this.stop?.dispose();
    await super.finally(error);
  }

  /** For replies about a lake, while it is open; the others say nothing of it, because it would cost them a database. */
  private async lookAtDegradation(): Promise<void> {
    if (this.opened && this.json()) this.degradation = { degradation: await this.levelNow() };
  }

  /** What a JSON reply says of the level of degradation; null: nobody can tell. */
  protected async levelNow(): Promise<object | null> {
    const lakehouse = await this.opened?.catch(() => undefined);
    const found = (await lakehouse?.degradation().catch(() => null)) ?? null;
    return found && { level: found.level, mode: found.mode, causes: found.causes };
  }

  /** Asked before the flags are parsed too, since a parse error is also told as JSON. */
  private json(): boolean {
    return this.words().includes('--json');
  }

  /** What was given, up to the end of the flags. */
  private words(): readonly string[] {
    const end = this.argv.indexOf('--');
    return end === -1 ? this.argv : this.argv.slice(0, end);
  }

  private format(): OutputFormat {
    return this.given.output ?? 'table';
  }

  private print(text: string): void {
    this.reporter?.clear();
    process.stdout.write(text);
  }
}
