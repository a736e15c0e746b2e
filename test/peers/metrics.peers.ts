/** The page of metrics as Prometheus's own parser reads it. */
import { describe, expect, it } from 'vitest';
import { INSTRUMENTS, type Instrument } from '../../src/core/metrics/instruments.js';
import { prometheusMetrics } from '../../src/core/metrics/prometheus.js';
import { askPython, peerPython } from './ask-python.js';

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

describe.skipIf(peerPython === null)('the page for Prometheus', () => {
  it('holds every instrument with its kind, and values and labels as they were given, odd ones too', async () => {
    const metrics = prometheusMetrics();
    const topic = 'a "topic" with \\ and\nline é';
    metrics.count('keystone_landed_events_total', 12, { topic });
    metrics.gauge('keystone_consumer_lag_events', 7, { group: 'g', topic, partition: '0' });
    for (const seconds of [0.002, 0.2, 400]) metrics.observe('keystone_append_seconds', seconds);
    const { text: page } = await metrics.page();
    const families = await askPython<readonly Family[]>('read_prometheus.py', { page });
    for (const [name, { kind, help }] of Object.entries<Instrument>(INSTRUMENTS)) {
      // The parser names the family of a counter without its ending.
      const family = families.find((one) => one.name === name.replace(/_total$/, ''));
      expect(family, name).toMatchObject({ type: kind, help });
    }
    const samples = families.flatMap((family) => family.samples);
    expect(samples).toContainEqual({ name: 'keystone_landed_events_total', labels: { topic }, value: 12 });
    const lag = { group: 'g', topic, partition: '0' };
    expect(samples).toContainEqual({ name: 'keystone_consumer_lag_events', labels: lag, value: 7 });
    const bucket = (le: string) => samples.find((one) => one.name.endsWith('append_seconds_bucket') && one.labels['le'] === le);
    expect([bucket('0.0025')?.value, bucket('0.25')?.value, bucket('+Inf')?.value]).toEqual([1, 2, 3]);
    expect(samples).toContainEqual({ name: 'keystone_append_seconds_count', labels: {}, value: 3 });
  });
});
