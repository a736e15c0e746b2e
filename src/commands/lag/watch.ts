import { Flags } from '@oclif/core';
import { durationFlagMs } from '../../cli/duration-flag.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { coloured, showsUnicode } from '../../cli/terminal.js';
import type { LagSample } from '../../core/lag/watch-lag.js';

export default class LagWatch extends KeystoneCommand {
  static override summary = 'Watch how far the lake is behind the log: lag, rates, time to drain, and how the lag went';
  static override description = `On a terminal a screen that is drawn anew for each sample; its keys are under "?". Otherwise, and with --json or --output
ndjson, one JSON line for each sample: the numbers of lag show, with rates and drain estimates. While the log or the lake cannot be
read, the last numbers stay, marked stale, and the watch goes on.`;
  static override examples = [
    '<%= config.bin %> lag watch',
    '<%= config.bin %> lag watch --interval 5s --window 5m',
    '<%= config.bin %> lag watch --json --count 10',
  ];
  static override flags = {
    topic: Flags.string({ description: 'Topic of the log (default: the profile’s)' }),
    group: Flags.string({ description: 'Consumer group whose committed offsets are shown (default: consume.group)' }),
    interval: Flags.string({ default: '1s', description: 'Time between samples' }),
    window: Flags.string({ default: '30s', description: 'What rates are measured over' }),
    count: Flags.integer({ min: 1, description: 'Stop after so many samples' }),
  };

  async run(): Promise<LagSample | null> {
    const { flags } = await this.parse(LagWatch);
    const { count } = flags;
    const intervalMs = durationFlagMs('interval', flags.interval, 100);
    const windowMs = durationFlagMs('window', flags.window, 1000);
    const { bin } = this.config;
    if (flags.output === 'csv') {
      const hint = `${bin} lag watch --output ndjson, or ${bin} lag show --output csv`;
      throw this.wrongUse('a watch has no CSV: each sample is more than rows', hint);
    }
    if (windowMs < 2 * intervalMs) {
      const why = 'rates need at least two samples within --window: it must be twice --interval or more';
      throw this.wrongUse(why, `${bin} lag watch --interval 10s --window 1m`);
    }
    const [{ openLakehouse }, { watchLag }, config] = await Promise.all([
      import('../../core/lakehouse.js'),
      import('../../core/lag/watch-lag.js'),
      this.project(),
    ]);
    const stop = new AbortController();
    const { signal } = this;
    signal.addEventListener('abort', () => stop.abort());
    const options = { topic: flags.topic, group: flags.group, intervalMs, windowMs, count, signal: stop.signal };
    const samples = watchLag(() => openLakehouse(config, this.effects()), options);
    let last: LagSample | null = null;
    if (this.isForProgram() || process.stdout.isTTY !== true) {
      for await (const sample of samples) this.printLine((last = sample));
    } else {
      const { loadInk } = await import('../../cli/lag/load-ink.js');
      const { showWatch } = await loadInk();
      const look = { colour: coloured(process.stdout), unicode: showsUnicode() };
      const { stdin, stdout } = process;
      last = (await showWatch({ samples, intervalMs, look, stop, stdin, stdout })) ?? null;
    }
    // Whoever counts must not take fewer samples for all of them.
    if (count !== undefined) signal.throwIfAborted();
    if (last === null) return null;
    const { lagEvents, lagSeconds } = last.total;
    const standing = lagEvents === 0 ? 'caught up' : `${lagEvents} events, ${lagSeconds.toFixed(1)} s behind`;
    this.done(`Done. ${last.sample} samples; ${last.topic} ${last.stale ? 'was last seen' : 'is'} ${standing}.`);
    return last;
  }
}
