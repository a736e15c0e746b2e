import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import type { InstrumentName } from '../../../src/core/metrics/instruments.js';
import type { MetricPoint } from '../../../src/core/metrics/metric-points.js';
import { sentMetrics } from '../../../src/core/metrics/sent-metrics.js';

const MINUTE = 60_000;

/** A clock whose sleeps end when it is moved past them. */
function movedClock(startMs: number) {
  let nowMs = startMs;
  const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };
  return {
    clock: {
      nowMs: () => nowMs,
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          if (signal?.aborted) return resolve();
          signal?.addEventListener('abort', () => resolve());
          sleepers.push({ atMs: nowMs + ms, wake: resolve });
        }),
    },
    async to(ms: number): Promise<void> {
      nowMs = ms;
      await settle();
      for (const { atMs, wake } of sleepers.splice(0)) {
        if (atMs <= nowMs) wake();
        else sleepers.push({ atMs, wake });
      }
      await settle();
    },
  };
}

function sent(options: { readonly mostWaiting?: number } = {}) {
  const time = movedClock(20_000);
  const points: MetricPoint[] = [];
  const told: string[] = [];
  const service = { isAway: false };
  const say = (event: string): void => void told.push(event);
  const metrics = sentMetrics({
    points: {
      place: 'here',
      put: async (some) => {
        if (service.isAway) throw new KeystoneError('KS_METRICS', 'away');
        points.push(...some);
      },
      close: () => undefined,
    },
    clock: time.clock,
    logger: { debug: say, info: say, warn: say, error: say },
    ...options,
  });
  return { metrics, points, told, service, to: time.to };
}

describe('sentMetrics', () => {
  it('sends each minute on the minute: sums, last values, statistics', async () => {
    const { metrics, points, to } = sent();
    metrics.count('keystone_landed_events_total', 2, { topic: 't' });
    metrics.count('keystone_landed_events_total', 3, { topic: 't' });
    metrics.gauge('keystone_in_flight_bytes', 9);
    metrics.gauge('keystone_in_flight_bytes', 7);
    for (const seconds of [0.5, 0.125, 0.25]) metrics.observe('keystone_append_seconds', seconds);
    expect(points).toEqual([]);
    await to(MINUTE);
    expect(points).toEqual([
      { name: 'LandedEvents', dimensions: { Topic: 't' }, atMs: MINUTE, unit: 'Count', value: 5 },
      { name: 'InFlightBytes', dimensions: {}, atMs: MINUTE, unit: 'Bytes', value: 7 },
      {
        name: 'AppendTime',
        dimensions: {},
        atMs: MINUTE,
        unit: 'Seconds',
        value: { count: 3, sum: 0.875, least: 0.125, most: 0.5 },
      },
    ]);
    points.length = 0;
    metrics.count('keystone_landed_events_total', 1, { topic: 't' });
    await to(2 * MINUTE);
    expect(points.map(({ name, value }) => [name, value])).toEqual([
      ['LandedEvents', 1],
      ['InFlightBytes', 7],
    ]);
    await metrics.close();
  });

  it('keeps points with their times while the service is away, and says once that it is and once that it is back', async () => {
    const { metrics, points, told, service, to } = sent();
    service.isAway = true;
    for (const minute of [1, 2, 3]) {
      metrics.count('keystone_landed_events_total', minute, { topic: 't' });
      await to(minute * MINUTE);
    }
    expect(points).toEqual([]);
    service.isAway = false;
    await to(4 * MINUTE);
    expect(points.map(({ atMs, value }) => [atMs / MINUTE, value])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(told).toEqual(['metrics.away', 'metrics.back']);
    await metrics.close();
  });

  it('gives up the oldest beyond its bound, and counts them', async () => {
    const { metrics, points, service, to } = sent({ mostWaiting: 3 });
    service.isAway = true;
    for (const minute of [1, 2, 3, 4, 5]) {
      metrics.count('keystone_landed_events_total', 1, { topic: 't' });
      await to(minute * MINUTE);
    }
    service.isAway = false;
    await metrics.close();
    const landed = points.filter(({ name }) => name === 'LandedEvents').map(({ atMs }) => atMs / MINUTE);
    expect(landed.at(-1)).toBe(5);
    expect(landed.length).toBeLessThanOrEqual(3);
    expect(points.some(({ name }) => name === 'MetricPointsDropped')).toBe(true);
  });

  it('sends the last part of a minute when it is closed, and takes no offence at anything it is told', async () => {
    const { metrics, points } = sent();
    metrics.count('keystone_ingest_events_total', 4, { outcome: 'accepted', unknown: 'x' });
    metrics.count('keystone_ingest_events_total', Number.NaN, { outcome: 'accepted' });
    metrics.count(String('nothing_of_the_table') as InstrumentName, 4);
    metrics.gauge('keystone_append_seconds', 4);
    metrics.gauge('keystone_ingest_spool_bytes', Number.NaN);
    await metrics.close();
    expect(points).toMatchObject([{ name: 'IngestEvents', value: 4, dimensions: { Outcome: 'accepted' } }]);
  });
});
