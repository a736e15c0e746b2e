/** What the doctor says of events that wait on this machine. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { DoctorCheck } from '../../../src/core/doctor/doctor-check.js';
import { spoolChecks } from '../../../src/core/doctor/spool-checks.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { lockSlot } from '../../../src/core/spool/slot-lock.js';
import { leaveInSpool } from '../../support/left-spool.js';
import { testLake } from '../../support/test-lake.js';

const TOPIC = 'olist-enterprise-events';

interface Changed {
  readonly topic?: string;
  readonly patience?: number;
  readonly maxSize?: number;
  readonly away?: readonly string[] | null;
}

/** The lake as one whose log is behind a network, and of whose breakers this is known. */
function onKafka(lake: Lakehouse, { topic = TOPIC, patience = 5000, maxSize = 1_000_000, away = [] }: Changed = {}): Lakehouse {
  const { profile, ingest } = lake.config;
  const degradation: Lakehouse['degradation'] = async () =>
    away && { level: 'full', mode: 'automatic', causes: [], away, automatic: 'full', untilMs: null };
  const config = {
    ...lake.config,
    ingest: { ...ingest, spool: { ...ingest.spool, patience, maxSize } },
    profile: { ...profile, log: { ...profile.log, topic, adapter: 'kafka' as const } },
  };
  return { ...lake, config, degradation };
}

const find = (checks: readonly DoctorCheck[], check: string): DoctorCheck | undefined =>
  checks.find((one) => one.check === check);
const events = async (lake: Lakehouse): Promise<DoctorCheck | undefined> => find(await spoolChecks(lake), 'spool events');

it('has nothing to say where the log is on this machine, unless a spool was left', async () => {
  const { lake, dir } = await testLake();
  expect(await spoolChecks(lake)).toEqual([]);
  await leaveInSpool(dir, TOPIC, [{ ids: ['a'] }]);
  expect(await spoolChecks(lake)).toMatchObject([
    {
      check: 'spool events',
      status: 'warning',
      found: expect.stringMatching(/^1 accepted events wait, .* no spool that would be drained$/),
    },
  ]);
  expect(await events(onKafka(lake, { patience: 0 }))).toMatchObject({ status: 'warning' });
});

it('finds an empty spool sound, and makes none', async () => {
  const { lake, dir } = await testLake();
  const checks = await spoolChecks(onKafka(lake));
  expect(checks.map(({ check, status }) => [check, status])).toEqual([
    ['spool folder', 'ok'],
    ['spool fsync', expect.stringMatching(/ok|warning/)],
    ['spool room', 'ok'],
    ['spool events', 'ok'],
  ]);
  await mkdir(path.join(dir, '.keystone'), { recursive: true });
  await expect(readFile(path.join(dir, '.keystone/spool'))).rejects.toMatchObject({ code: 'ENOENT' });
});

it('fails where the folder of the spool cannot be made', async () => {
  const { lake, dir } = await testLake();
  await rm(path.join(dir, '.keystone'), { recursive: true, force: true });
  await mkdir(path.join(dir, '.keystone'), { recursive: true });
  await writeFile(path.join(dir, '.keystone/spool'), 'a file, whoever runs the test');
  expect(find(await spoolChecks(onKafka(lake)), 'spool folder')).toMatchObject({
    status: 'failed',
    code: 'KS_STORE',
    found: expect.stringMatching(/spool is no folder$/),
  });
});

it('compares the room with the bound', async () => {
  const { lake, dir } = await testLake();
  const room = async (maxSize: number): Promise<DoctorCheck | undefined> =>
    find(await spoolChecks(onKafka(lake, { maxSize })), 'spool room');
  expect(await room(1_000_000)).toMatchObject({ status: 'ok' });
  expect(await room(1e18)).toMatchObject({ status: 'warning', fix: expect.stringMatching(/lower ingest\.spool\.maxSize/) });
  await leaveInSpool(dir, TOPIC, [{ ids: ['a'] }]);
  expect(await room(100)).toMatchObject({ status: 'warning', fix: expect.stringMatching(/it is full/) });
});

it('names slots of dead servers, events for another topic, and events that wait although the log is there', async () => {
  const { lake, dir } = await testLake();
  const slot = await leaveInSpool(dir, TOPIC, [{ ids: ['a', 'b'] }], { slot: 'slot-3' });
  expect(await events(onKafka(lake))).toMatchObject({
    status: 'warning',
    found: '2 accepted events wait, the oldest since 2017-07-14T02:40:00.000Z; 2 of them in slot-3, which no server has',
    fix: 'start keystone ingest serve, or keystone ingest spool drain',
  });
  expect(await events(onKafka(lake, { topic: 'new' }))).toMatchObject({
    status: 'warning',
    fix: `keystone ingest spool drain --set log.topic=${TOPIC}`,
  });
  const lock = lockSlot(slot);
  onTestFinished(() => lock?.release());
  expect(await events(onKafka(lake))).toMatchObject({ status: 'warning', found: expect.stringMatching(/breaker is closed$/) });
  for (const away of [['log'], null]) expect(await events(onKafka(lake, { away }))).toMatchObject({ status: 'ok' });
});

it('warns of a torn end, and fails on a damaged one with the next command', async () => {
  const { lake, dir } = await testLake();
  const slot = await leaveInSpool(dir, TOPIC, [{ ids: ['a'] }]);
  const file = path.join(slot, '0000000001.spool');
  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, 50));
  expect(await events(onKafka(lake))).toMatchObject({
    status: 'warning',
    found: expect.stringContaining(`${file} ends in 50 bytes of a torn write`),
  });
  await writeFile(file, Buffer.concat([bytes, Buffer.from('what is this')]));
  expect(await events(onKafka(lake))).toMatchObject({
    status: 'failed',
    found: `the spool file ${file} is damaged at byte ${bytes.length}; 1 events are whole`,
    fix: expect.stringContaining(`truncate -s ${bytes.length} ${file} && keystone ingest spool drain`),
  });
});

it('fails on a damaged spool, by name', async () => {
  const { lake, dir } = await testLake();
  const slot = await leaveInSpool(dir, TOPIC, [{ ids: ['a'] }, { ids: ['b'] }, { ids: ['c'] }]);
  const file = path.join(slot, '0000000001.spool');
  const bytes = await readFile(file);
  bytes.write('?', bytes.indexOf('"order_id":"b"'));
  await writeFile(file, bytes);
  expect(await events(onKafka(lake))).toMatchObject({
    status: 'failed',
    code: 'KS_LOG',
    found: expect.stringMatching(/0000000001\.spool is damaged at byte \d+; 2 events are whole$/),
  });
});
