/** The verdict of a trace beside what the tables say, for events of every fate in many small batches. */
import { describe, expect, it } from 'vitest';
import { runTrace } from '../../../src/core/trace/run-trace.js';
import { seededRandom, mixedEvents } from '../../support/mixed-events.js';
import { testLake } from '../../support/test-lake.js';
import { consume, rows } from '../silver/consume-support.js';

const SEED = 5;
const TRACED = 30;

describe('verdicts', () => {
  it(`are what the tables say, for ${TRACED} of 500 mixed events (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const { lake } = await testLake({ consume: { flushRows: 60 } });
    const { topic, partitions } = lake.config.profile.log;
    const log = await lake.log();
    await log.ensureTopic(topic, partitions);
    const events = mixedEvents(500, { seed: SEED, partitions });
    for (let at = 0; at < events.length; at += 50) await log.append(topic, events.slice(at, at + 50));
    await consume(lake);

    const silver = ['orders', 'order_items', 'geolocation'].map(
      (dataset) =>
        `SELECT _partition AS p, _offset AS o, 'current' AS verdict, NULL AS wp, NULL AS wo, _event_id AS id FROM silver.${dataset}`,
    );
    const truth = await rows(
      lake,
      `${silver.join(' UNION ALL ')} UNION ALL
       SELECT kafka_partition, kafka_offset, verdict, winner_partition, winner_offset, event_id FROM ledger.dispositions ORDER BY 1, 2`,
    );
    expect(truth).toHaveLength(500);
    const random = seededRandom(SEED);
    const kinds = new Set<unknown>();
    for (const fact of truth.toSorted(() => random() - 0.5).slice(0, TRACED)) {
      const byPlace = await runTrace(lake, { event: `${topic}/${String(fact['p'])}/${String(fact['o'])}` });
      expect(byPlace.events).toHaveLength(1);
      const [event] = byPlace.events;
      const verdict = event?.verdict;
      const other =
        verdict?.kind === 'duplicate'
          ? verdict.of
          : verdict?.kind === 'superseded'
            ? verdict.by
            : verdict?.kind === 'quarantined'
              ? verdict.conflictsWith
              : null;
      expect([event?.eventId, verdict?.kind, other?.partition ?? null, other?.offset ?? null]).toEqual([
        fact['id'],
        fact['verdict'],
        fact['wp'],
        fact['wo'],
      ]);
      kinds.add(verdict?.kind);
      const superseded = truth.filter(
        (one) => one['verdict'] === 'superseded' && one['wp'] === fact['p'] && one['wo'] === fact['o'],
      );
      const places = event?.supersedes.map(({ partition, offset }) => [partition, offset]);
      expect(places?.toSorted()).toEqual(superseded.map((one) => [one['p'], one['o']]).toSorted());
      const byId = await runTrace(lake, { event: String(fact['id']) });
      expect(byId.events).toHaveLength(truth.filter((one) => one['id'] === fact['id']).length);
      expect(byId.events).toContainEqual(event);
    }
    expect([...kinds].toSorted()).toEqual(['current', 'duplicate', 'error', 'quarantined', 'superseded']);
  });
});
