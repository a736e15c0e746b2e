import { Flags } from '@oclif/core';
import { durationFlagMs } from '../../cli/duration-flag.js';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { publicationText } from '../../cli/lag/publication-text.js';
import type { LagPublication } from '../../core/lag/publish-lag.js';

export default class LagPublish extends KeystoneCommand {
  static override summary = 'Publish the lag as metrics: to CloudWatch for alarms and scaling, to Prometheus, or both';
  static override description = `ConsumerLag (dimensions ConsumerGroup, Topic, and Partition or none for the sum), TimeLagSeconds (the same dimensions; without Partition
the greatest) and LakeLag (Topic, Partition; what is not in bronze), every minute on the minute, until SIGTERM or Ctrl-C. Where they go is set by metrics.adapter, metrics.cloudwatch and
metrics.port. While the log or CloudWatch is away it waits, says so, and goes on with the lag of the moment: no point is made up for a time
that nobody measured. With --json or --output ndjson one JSON line each.`;
  static override examples = [
    '<%= config.bin %> lag publish --set metrics.adapter=cloudwatch',
    '<%= config.bin %> lag publish --once --json --set metrics.adapter=cloudwatch',
    '<%= config.bin %> lag publish --metrics-port 9464 --every 15s',
    '<%= config.bin %> lag publish --dry-run',
  ];
  static override flags = {
    topic: Flags.string({ description: 'Topic of the log (default: the profile’s)' }),
    group: Flags.string({ description: 'Consumer group (default: consume.group)' }),
    every: Flags.string({ default: '1m', description: 'Time between publications, on the marks of the wall clock' }),
    once: Flags.boolean({ default: false, description: 'Publish once and stop; what keeps it from being sent is an error' }),
    'metrics-port': Flags.integer({
      description: 'Port on which /metrics answers Prometheus; 0 takes a free one (metrics.port)',
      min: 0,
      max: 65_535,
    }),
    'dry-run': Flags.boolean({ default: false, description: 'Show what would be published, send nothing' }),
  };

  async run(): Promise<LagPublication | readonly object[] | null> {
    const { flags } = await this.parse(LagPublish);
    const everyMs = durationFlagMs('every', flags.every, 1000);
    const of = { topic: flags.topic, group: flags.group };
    if (flags.output === 'csv') throw this.wrongUse('publications have no CSV', `${this.config.bin} lag publish --output ndjson`);
    const config = await this.project({ 'metrics-port': 'metrics.port' });
    // For the level in its replies alone: the publisher opens its own, again after each outage.
    await this.lakehouse();
    if (flags['dry-run']) return this.showPoints(of);
    const { runPublish } = await import('../../core/lag/run-publish.js');
    const { signal, config: oclif } = this;
    const effects = this.effects();
    const onOpen = (places: readonly string[]): void => {
      effects.logger?.info('lag.publish_started', { places });
      if (!flags.quiet) this.notice(`Publishing to ${places.join(' and ')}; ${oclif.bin} lag show has the same numbers.`);
    };
    const told = runPublish(config, effects, { ...of, everyMs, once: flags.once, signal, onOpen });
    let published = 0;
    let last: LagPublication | null = null;
    for await (const publication of told) {
      if (publication.kind === 'published') published += 1;
      last = publication;
      if (flags.json) this.printLine({ ...publication, degradation: await this.levelNow() });
      else if (this.isForProgram()) this.printLine(publication);
      else if (publication.kind === 'published') this.say(publicationText(publication));
      if (publication.kind === 'waiting') this.addWarning(publicationText(publication));
    }
    this.done(`Done. ${published} ${published === 1 ? 'publication' : 'publications'}.`);
    return last;
  }

  private async showPoints(of: {
    readonly topic: string | undefined;
    readonly group: string | undefined;
  }): Promise<readonly object[]> {
    const lakehouse = await this.lakehouse();
    const [{ measureGroupLag }, { lagPoints }] = await Promise.all([
      import('../../core/lag/measure-group-lag.js'),
      import('../../core/lag/lag-points.js'),
    ]);
    const points = lagPoints(await measureGroupLag(lakehouse, of)).map(({ dimensions, name, value, unit }) => ({
      name,
      dimensions: Object.entries(dimensions)
        .map(([dimension, text]) => `${dimension}=${text}`)
        .join(' '),
      value,
      unit,
    }));
    this.printRows(points);
    this.done(`Dry run. ${points.length} points would be sent.`);
    return points;
  }
}
