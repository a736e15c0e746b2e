/** How a call outlives brokers that are away: waits of the retry table, each told and counted, up to the time of the call. */
import { describe, expect, it } from 'vitest';
import { connectBrokers } from '../../../../src/core/log/kafka/brokers.js';
import { BrokerRefusal } from '../../../../src/core/log/kafka/failure.js';
import { SILENT, type LogFields } from '../../../../src/core/logging/logger.js';
import { NO_METRICS } from '../../../../src/core/metrics/metrics.js';

const NOT_LEADER = 6;

function patientBrokers(random: number) {
  let nowMs = 0;
  const told: LogFields[] = [];
  const counted: unknown[] = [];
  const brokers = connectBrokers({
    access: { brokers: 'broker:9092', seeds: [], clientId: 'test', tls: false, sasl: 'none', ssl: null, saslOptions: null },
    clock: { nowMs: () => nowMs, sleep: async (ms) => void (nowMs += ms) },
    random: () => random,
    firstPatienceMs: 4000,
    patienceMs: 4000,
    logger: { ...SILENT, warn: (event, fields = {}) => void told.push({ event, ...fields }) },
    metrics: { ...NO_METRICS, count: (...count) => void counted.push(count) },
  });
  return { brokers, told, counted, nowMs: () => nowMs };
}

describe('the patience with brokers', () => {
  it('waits as for queries, never longer than a second, tells each wait, and ends with the time of the call', async () => {
    const { brokers, told, counted, nowMs } = patientBrokers(0);
    const work = (): Promise<never> => Promise.reject(new BrokerRefusal(NOT_LEADER));
    await expect(brokers.patiently('read t/0', work)).rejects.toMatchObject({ code: 'KS_LOG' });
    expect(told.map(({ delayMs }) => delayMs)).toEqual([100, 200, 400, 800, 1000, 1000, 1000]);
    expect(nowMs()).toBe(4500);
    expect(told[1]).toEqual({
      event: 'retry.again',
      service: 'log',
      operation: 'read t/0',
      attempt: 2,
      of: null,
      delayMs: 200,
      error: new BrokerRefusal(NOT_LEADER).message,
    });
    expect(counted).toEqual(told.map(() => ['keystone_retries_total', 1, { operation: 'log' }]));
  });

  it('waits longer for events on their way, and up to a tenth more at random', async () => {
    const { brokers, told } = patientBrokers(0.5);
    const error = new BrokerRefusal(NOT_LEADER);
    for (let attempt = 0; attempt < 4; attempt += 1) await brokers.pause({ policy: 'cdc', attempt, what: 'append', error });
    expect(told.map(({ delayMs }) => delayMs)).toEqual([210, 420, 840, 1000]);
  });

  it('tells nothing of what succeeds at once, and repeats no refusal', async () => {
    const { brokers, told } = patientBrokers(0);
    expect(await brokers.patiently('read', async () => 'read')).toBe('read');
    const refused = new BrokerRefusal(29);
    await expect(brokers.patiently('read', () => Promise.reject(refused))).rejects.toMatchObject({ cause: refused });
    expect(told).toEqual([]);
  });
});
