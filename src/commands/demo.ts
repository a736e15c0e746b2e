import { Flags } from '@oclif/core';
import { KeystoneCommand } from '../cli/keystone-command.js';
import type { DemoReport } from '../core/demo/demo-report.js';

export default class Demo extends KeystoneCommand {
  static override summary = 'Send a made-up shop through the whole lakehouse and check where every event ends';
  static override description = `Makes a project in a temporary folder, starts the gRPC server on a free local port, sends events with seeded faults,
consumes them, validates, builds gold, prints what it learned, and looks up each seeded fault where it must have ended.
Needs no service. Exit code 3 if one event is not where it belongs.`;
  static override examples = [
    '<%= config.bin %> demo',
    '<%= config.bin %> demo --events 100000 --keep demo',
    '<%= config.bin %> demo --source ./olist --keep demo',
  ];
  static override flags = {
    events: Flags.integer({ description: 'events to generate, at least 500, faults included', default: 20_000 }),
    seed: Flags.integer({ description: 'another seed gives another shop', default: 2017 }),
    source: Flags.string({ description: 'a folder of Olist CSV files to send instead of generated events', helpValue: 'DIR' }),
    keep: Flags.string({ description: 'an empty or new folder to leave the project in', helpValue: 'DIR' }),
  };

  async run(): Promise<DemoReport> {
    const { flags } = await this.parse(Demo);
    const { runDemo } = await import('../core/demo/run-demo.js');
    const report = await runDemo({
      keep: flags.keep ?? null,
      source: flags.source ?? null,
      events: flags.events,
      seed: flags.seed,
      effects: this.effects(),
      signal: this.signal,
      onProgress: this.progress,
    });
    const { demoView, demoVerdict } = await import('../cli/demo-view.js');
    this.say(demoView(report));
    if (!report.passed) this.failChecks();
    this.done(demoVerdict(report));
    return report;
  }
}
