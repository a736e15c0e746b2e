import { Flags } from '@oclif/core';
import { driftText } from '../../cli/drift-text.js';
import { counted } from '../../cli/counted.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { ConsumeTotals } from '../../core/consume/run-consumer.js';
import type { Lag } from '../../core/lag/measure-lag.js';

export default class ConsumeRun extends KeystoneCommand {
  static override summary = 'Bring events from the log into bronze, silver, quarantine and error zone';
  static override description = `Lands every event of the topic in bronze.events exactly as it came, then derives typed silver tables,
quarantine and error zone from it. The lake's own offsets say where to go on, so stopping, crashing or running it
twice loses and doubles nothing. On Kafka the members of consume.group share the partitions, and one of them derives; on
the embedded log one consumer builds at a time, and a second one stands by. A service that is away is waited for.`;
  static override examples = [
    '<%= config.bin %> consume run --until-caught-up',
    '<%= config.bin %> consume run --max-memory 1GB',
    '<%= config.bin %> consume run --dry-run',
    '<%= config.bin %> consume run --until-caught-up --json',
  ];
  static override flags = {
    'until-caught-up': Flags.boolean({ default: false, description: 'stop once everything that is in the log now is derived' }),
    'dry-run': Flags.boolean({ default: false, description: 'say what is waiting, take nothing' }),
    'max-memory': Flags.string({ description: 'bound on memory, e.g. 1GB; 512MB is the least (consume.maxMemory)' }),
    'flush-interval': Flags.string({ description: 'longest time an event waits for its batch, e.g. 2s (consume.flushInterval)' }),
    'metrics-port': Flags.integer({
      description: 'port on which /metrics answers Prometheus; 0 takes a free one (metrics.port)',
      min: 0,
      max: 65_535,
    }),
    'flush-rows': Flags.integer({ description: 'events that make a batch full (consume.flushRows)', min: 1 }),
  };

  async run(): Promise<ConsumeTotals | Lag> {
    const { flags } = await this.parse(ConsumeRun);
    const settings = {
      'max-memory': 'consume.maxMemory',
      'flush-interval': 'consume.flushInterval',
      'flush-rows': 'consume.flushRows',
      'metrics-port': 'metrics.port',
    };
    const lakehouse = await (flags['dry-run'] ? this.lakehouse(settings) : this.measuredLakehouse(settings));
    if (flags['dry-run']) {
      const { measureLag } = await import('../../core/lag/measure-lag.js');
      const lag = await measureLag(lakehouse);
      this.printRows(lag.partitions, ['partition', 'lakeOffset', 'endOffset', 'lagEvents']);
      this.done(`Dry run. ${lag.total.lagEvents} events of ${lag.topic} are waiting; nothing was taken.`);
      return lag;
    }
    const { checkKeepFor } = await import('../../core/care/expiry-policy.js');
    checkKeepFor(lakehouse.config.care);
    const { runConsumer } = await import('../../core/consume/run-consumer.js');
    const totals = await runConsumer(lakehouse, {
      untilCaughtUp: flags['until-caught-up'],
      signal: this.signal,
      onProgress: this.progress,
      onNotice: (text) => this.addWarning(text),
    });
    const { derived } = totals;
    for (const [dataset, fields] of Object.entries(derived.drift)) {
      this.addWarning(`${dataset}: fields the contract does not know: ${driftText(fields)}`);
    }
    this.printRows(
      Object.entries(derived.silver).map(([dataset, rows]) => ({ table: `silver.${dataset}`, rows })),
      ['table', 'rows'],
    );
    if (totals.caughtUp && derived.events === 0 && totals.landed === 0) {
      this.done(`Done. Nothing to consume: ${totals.topic} is caught up.`);
      return totals;
    }
    const next = Object.keys(derived.silver).length > 0 ? ' Next: keystone pipeline run' : '';
    this.done(
      `Done. ${counted(totals.landed, 'event')} landed, ${derived.events} derived: ${sum(derived.silver)} to silver, ${derived.quarantined} quarantined, ` +
        `${derived.error} to the error zone, ${derived.duplicate} duplicates, ${derived.superseded} superseded in ${totals.seconds.toFixed(1)} s.${next}`,
    );
    return totals;
  }
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);
