/** A member of a group with nothing to do asks the store about once a second, and sees at once what is landed next. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import type { GroupMembership } from '../../../src/core/log/group-membership.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { testLake } from '../../support/test-lake.js';

/** Waits take a twentieth of their time. */
const FASTER = 20;

/** Alone in its group, for good. */
const alone = (partitions: number): GroupMembership => ({
  share: async () => ({
    partitions: new Set(Array.from({ length: partitions }, (_, n) => n)),
    revoked: new AbortController().signal,
    hold: () => undefined,
    commitOffsets: async () => undefined,
    release: () => undefined,
  }),
  leave: async () => undefined,
});

test('a member that has nothing to land or derive leaves the store alone', { timeout: 120_000 }, async () => {
  const { lake } = await testLake({ consume: { flushInterval: '200ms' }, partitions: 2 });
  const { topic } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, 2);
  await log.append(topic, mixedEvents(40, { seed: 5, partitions: 2 }));
  const { clock } = lake.effects;
  let looks = 0;
  const stop = new AbortController();
  const running = runConsumer(
    {
      ...lake,
      effects: { ...lake.effects, clock: { ...clock, sleep: (ms, signal) => clock.sleep(ms / FASTER, signal) } },
      log: async () => ({ ...log, joinGroup: () => alone(2) }),
      ensureTable: async (definition) => {
        const table = await lake.ensureTable(definition);
        if (definition.name !== 'bronze.events') return table;
        return { ...table, state: async () => ((looks += 1), table.state()) };
      },
    },
    { untilCaughtUp: false, signal: stop.signal },
  );
  const derived = async (): Promise<number> => {
    const next = (await (await lake.table('ledger.dispositions'))?.state())?.nextOffsets.get(topic);
    return [...(next?.values() ?? [])].reduce((sum, each) => sum + each, 0);
  };
  while ((await derived()) < 40) await delay(20);
  await delay(500);
  const [before, begunMs] = [looks, Date.now()];
  await delay(2000);
  const seconds = ((Date.now() - begunMs) / 1000) * FASTER;
  // One for the derivation each second, and one for the landing every five.
  expect((looks - before) / seconds).toBeLessThan(1.5);
  await log.append(topic, mixedEvents(20, { seed: 6, partitions: 2, prefix: 'more' }));
  while ((await derived()) < 60) await delay(20);
  stop.abort();
  expect(await running).toMatchObject({ landed: 60 });
  expect(await verifyLedger(lake, { deep: true })).toMatchObject({ closed: true, totals: { bronze: 60, pending: 0 } });
});
