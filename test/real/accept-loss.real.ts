/** A topic that lost records before they were landed, and the way on: exact, once, beside other consumers and whoever is killed. */
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LossAcceptance } from '../../src/core/consume/accept-loss.js';
import type { Account } from '../../src/core/ledger/account.js';
import { verifyLedger } from '../../src/core/ledger/verify.js';
import type { EventLog } from '../../src/core/log/event-log.js';
import { isBuilt, runCli, startCli, type CliEnd, type CliProcess } from '../support/cli-process.js';
import { mixedEvents } from '../support/mixed-events.js';
import { tempDir } from '../support/temp-dir.js';
import { openLake, pause, suspendUnlocked } from '../support/violent-project.js';
import { expireRecords } from './expire-records.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const PARTITIONS = 3;
/** Broker's least. */
const SESSION_MS = 6000;
const PATIENCE_MS = 240_000;
const AGREED = ['consume', 'accept-loss', '--reason', 'INC-7', '--yes', '--json'];

const events = (count: number, prefix: string) =>
  mixedEvents(count, { seed: 7, partitions: PARTITIONS, prefix }).map((event, n) => ({
    ...event,
    partition: n % PARTITIONS,
    headers: event.headers.map((header) =>
      header.key === 'ks-event-id' ? { ...header, value: Buffer.from(`${prefix}-${n}`) } : header,
    ),
  }));

async function resultOf<T>(ending: Promise<CliEnd> | CliEnd): Promise<T> {
  const end = await ending;
  expect(end, end.stderr + end.stdout).toMatchObject({ code: 0 });
  return (JSON.parse(end.stdout) as { result: T }).result;
}

describe.skipIf(!hasKafka || !isBuilt())('events that expired unread (needs npm run build)', () => {
  const kafka = kafkaServer();

  const project = async () => {
    const [topic, dir] = [freshTopic('lost'), await tempDir()];
    const consume = { group: freshTopic('group'), leaseTtl: `${SESSION_MS}ms`, flushInterval: '300ms' };
    const log = { adapter: 'kafka', topic, partitions: PARTITIONS, kafka: { brokers: kafka().brokers } };
    await writeFile(path.join(dir, 'keystone.yaml'), JSON.stringify({ version: 1, consume, profiles: { local: { log } } }));
    await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
    const opened: EventLog = await openLog({ brokers: kafka().brokers });
    await opened.ensureTopic(topic, PARTITIONS);
    const start = (args: readonly string[]): CliProcess => {
      const running = startCli(args, { cwd: dir });
      onTestFinished(async () => {
        running.child.kill('SIGKILL');
        await running.ended;
      });
      return running;
    };
    return { topic, dir, log: opened, start, run: (args: readonly string[]) => runCli(args, { cwd: dir }) };
  };
  const CAUGHT_UP = ['consume', 'run', '--until-caught-up'];

  it(
    'stop every consumer, are shown, given up once whoever is killed or beside it, and told from then on',
    { timeout: 2 * PATIENCE_MS },
    async () => {
      const { topic, log, start, run } = await project();
      await log.append(topic, events(90, 'a'));
      expect(await run(CAUGHT_UP)).toMatchObject({ code: 0 });
      await log.append(topic, events(150, 'b'));
      await expireRecords(kafka(), topic, 1, 52);
      await expireRecords(kafka(), topic, 2, 80);
      const stuck = await run(CAUGHT_UP);
      expect(stuck, stuck.stderr).toMatchObject({ code: 3 });
      expect(stuck.stderr).toContain('KS_LOG_TRUNCATED');
      expect(stuck.stderr).toContain('keystone consume accept-loss --dry-run');

      const shown = await resultOf<LossAcceptance>(run(['consume', 'accept-loss', '--dry-run', '--json']));
      expect(shown).toMatchObject({
        topic,
        eventsAtMost: 72,
        accepted: null,
        lost: [
          { partition: 1, lakeOffset: 30, logStart: 52, eventsAtMost: 22, lastLandedAt: expect.stringMatching(/^20/) },
          { partition: 2, lakeOffset: 30, logStart: 80, eventsAtMost: 50, firstHeldAt: null },
        ],
      });
      expect(Date.parse(shown.lost[0]!.firstHeldAt!)).toBeGreaterThanOrEqual(Date.parse(shown.lost[0]!.lastLandedAt!));

      // Partition 1 by whoever is first of two, while consumers come and go and one more is killed.
      const consumers = [start(['consume', 'run']), start(['consume', 'run'])];
      const killed = start([...AGREED, '--partition', '1']);
      setTimeout(() => killed.child.kill('SIGKILL'), 2500);
      const racing = [start([...AGREED, '--partition', '1']), start([...AGREED, '--partition', '1'])];
      await killed.ended;
      for (const { ended } of racing)
        for (const { partition, eventsAtMost } of (await resultOf<LossAcceptance>(ended)).lost)
          expect([partition, eventsAtMost]).toEqual([1, 22]);
      for (const { ended } of consumers) expect(await ended).toMatchObject({ code: 3 });
      expect(await resultOf<LossAcceptance>(run(AGREED))).toMatchObject({
        eventsAtMost: 50,
        lost: [{ partition: 2 }],
        accepted: { reason: 'INC-7' },
      });
      expect(await resultOf<LossAcceptance>(run(['consume', 'accept-loss', '--json']))).toMatchObject({
        lost: [],
        accepted: null,
      });

      expect(await run(CAUGHT_UP)).toMatchObject({ code: 0 });
      await log.append(topic, events(30, 'c'));
      expect(await run(CAUGHT_UP)).toMatchObject({ code: 0 });
      const account = await resultOf<Account>(run(['ledger', 'verify', '--deep', '--json']));
      expect(account).toMatchObject({
        mode: 'deep',
        closed: true,
        totals: { bronze: 270 - 72, processed: 270 - 72, pending: 0, lostAtMost: 72 },
        losses: [
          { topic, partition: 1, from: 30, toExclusive: 52, eventsAtMost: 22, reason: 'INC-7' },
          { topic, partition: 2, from: 30, toExclusive: 80, eventsAtMost: 50, reason: 'INC-7' },
        ],
      });
      const traced = await run(['trace', `${topic}/2/79`]);
      expect(traced.code).not.toBe(0);
      expect(traced.stderr).toContain('expired in the log before it was landed; the loss was accepted');
    },
  );

  it(
    'are given up only once a member that stands still is out of the group, which then goes on behind them',
    { timeout: 2 * PATIENCE_MS },
    async () => {
      const { topic, dir, log, start, run } = await project();
      await log.append(topic, events(30, 'a'));
      expect(await run(CAUGHT_UP)).toMatchObject({ code: 0 });
      const member = start(['consume', 'run']);
      const landed = async (): Promise<number> => {
        const lake = await openLake(dir);
        const { breaks, totals } = await verifyLedger(lake, { deep: false });
        await lake.close();
        expect(breaks).toEqual([]);
        return totals.processed;
      };
      await log.append(topic, events(30, 'b'));
      while ((await landed()) < 60) await pause(200);
      expect(await suspendUnlocked(member, dir)).toBe(true);
      await log.append(topic, events(60, 'c'));
      await expireRecords(kafka(), topic, 0, 33);
      // It waits until the group has forgotten the member; brokers that are slow to do so make this a refusal, and the same again goes on.
      let end = await run(AGREED);
      while (end.stdout.includes('KS_LEASE_HELD')) end = await run(AGREED);
      expect(await resultOf<LossAcceptance>(end)).toMatchObject({ lost: [{ partition: 0, lakeOffset: 20, logStart: 33 }] });
      member.child.kill('SIGCONT');
      while ((await landed()) < 120 - 13) await pause(200);
      member.child.kill('SIGTERM');
      expect(await member.ended).toMatchObject({ code: 0 });
      expect(await resultOf<Account>(run(['ledger', 'verify', '--deep', '--json']))).toMatchObject({
        closed: true,
        totals: { bronze: 107, lostAtMost: 13 },
      });
    },
  );
});
