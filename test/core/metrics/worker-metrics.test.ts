import { describe, expect, it } from 'vitest';
import type { Metrics } from '../../../src/core/metrics/metrics.js';
import { forwardedMetrics, workerCollector, type WorkerNumbers } from '../../../src/core/metrics/worker-metrics.js';

function recording() {
  const told: (readonly unknown[])[] = [];
  const metrics: Metrics = {
    count: (...call) => void told.push(['count', ...call]),
    gauge: (...call) => void told.push(['gauge', ...call]),
    observe: (...call) => void told.push(['observe', ...call]),
    close: async () => undefined,
  };
  return { metrics, told };
}

const stillClock = {
  nowMs: () => 0,
  sleep: (_ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve())),
};

describe('forwardedMetrics', () => {
  it('sends sums and last values, every measurement, and what is left when it is closed', async () => {
    const sent: WorkerNumbers[] = [];
    const metrics = forwardedMetrics((numbers) => void sent.push(numbers), stillClock);
    metrics.count('keystone_ingest_events_total', 1, { outcome: 'x' });
    metrics.count('keystone_ingest_events_total', 2, { outcome: 'x' });
    metrics.count('keystone_ingest_events_total', 5, { outcome: 'y' });
    metrics.gauge('keystone_in_flight_bytes', 1);
    metrics.gauge('keystone_in_flight_bytes', 7);
    metrics.observe('keystone_append_seconds', 0.5);
    metrics.observe('keystone_append_seconds', 0.25);
    await metrics.close();
    expect(sent).toEqual([
      {
        counts: [
          ['keystone_ingest_events_total', 3, { outcome: 'x' }],
          ['keystone_ingest_events_total', 5, { outcome: 'y' }],
        ],
        gauges: [['keystone_in_flight_bytes', 7, {}]],
        observations: [
          ['keystone_append_seconds', 0.5, {}],
          ['keystone_append_seconds', 0.25, {}],
        ],
      },
    ]);
  });
});

describe('workerCollector', () => {
  it('adds up the gauges of the living, tells the worst of states, and keeps what the gone have counted', () => {
    const { metrics, told } = recording();
    const collector = workerCollector(metrics);
    const gauges = (bytes: number, state: number): WorkerNumbers => ({
      counts: [['keystone_ingest_events_total', 1, { outcome: 'accepted' }]],
      gauges: [
        ['keystone_in_flight_bytes', bytes, {}],
        ['keystone_breaker_state', state, { service: 's3' }],
      ],
      observations: [],
    });
    collector.take(1, gauges(10, 2));
    collector.take(2, gauges(5, 0));
    expect(told.filter(([, name]) => name === 'keystone_in_flight_bytes').at(-1)).toEqual([
      'gauge',
      'keystone_in_flight_bytes',
      15,
      {},
    ]);
    expect(told.filter(([, name]) => name === 'keystone_breaker_state').at(-1)?.[2]).toBe(2);
    told.length = 0;
    collector.gone(1);
    expect(told).toEqual([
      ['gauge', 'keystone_in_flight_bytes', 5, {}],
      ['gauge', 'keystone_breaker_state', 0, { service: 's3' }],
    ]);
  });
});
