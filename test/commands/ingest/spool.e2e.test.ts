/** The spool's commands, without a server and without a broker. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockSlot } from '../../../src/core/spool/slot-lock.js';
import { isBuilt, runCli } from '../../support/cli-process.js';
import { leaveInSpool } from '../../support/left-spool.js';
import { DEFAULT_TOPIC, smallProject } from '../../support/small-project.js';

/** A project whose brokers are away, with `events` in the slot of a server that is gone. */
async function leftBehind(events: number): Promise<string> {
  const dir = await smallProject(0);
  await writeFile(
    path.join(dir, 'keystone.yaml'),
    'version: 1\nresilience: { patience: 500ms }\ningest:\n  spool: { patience: 200ms }\nprofiles:\n  local:\n    log: { adapter: kafka, topic: t, kafka: { brokers: "127.0.0.1:1" } }\n',
  );
  const ids = Array.from({ length: events }, (_, n) => `e${n}`);
  const slot = await leaveInSpool(dir, 't', events > 0 ? [{ ids, partition: 1 }] : []);
  await writeFile(path.join(slot, '../topic.json'), '{"partitions":3,"recordBytes":1000000}');
  return dir;
}

describe.skipIf(!isBuilt())('keystone ingest spool (needs npm run build)', () => {
  it('shows what waits, sends nothing in a dry run, and leaves all of it while the brokers are away', async () => {
    const dir = await leftBehind(7);
    const status = await runCli(['ingest', 'spool', 'status', '--json'], { cwd: dir });
    expect(JSON.parse(status.stdout)).toMatchObject({
      result: {
        topic: 't',
        partitions: 3,
        events: 7,
        slots: [{ slot: 'slot-0', held: false, events: 7, oldest: '2017-07-14T02:40:00.000Z', problem: null }],
      },
    });
    expect(status.stderr).toMatch(/7 events of topic t in the spool .*keystone ingest spool drain/);
    const dry = await runCli(['ingest', 'spool', 'drain', '--dry-run'], { cwd: dir });
    expect(dry).toMatchObject({ code: 0, stderr: expect.stringMatching(/7 events would go into topic t/) as string });
    const drain = await runCli(['ingest', 'spool', 'drain', '--json'], { cwd: dir });
    expect(drain.code).toBe(5);
    expect(JSON.parse(drain.stdout)).toMatchObject({
      error: { code: 'KS_LOG', message: expect.stringMatching(/7 events wait in the spool/) as string },
    });
    const after = await runCli(['ingest', 'spool', 'status', '--output', 'csv'], { cwd: dir });
    expect(after.stdout).toMatch(/^slot-0,false,7,/m);
  });

  it('says who sends what is left, and fails when nobody does', async () => {
    const dir = await leftBehind(7);
    const folder = path.join(dir, '.keystone/spool/local/t/slot-0');
    const lock = lockSlot(folder);
    const held = await runCli(['ingest', 'spool', 'drain'], { cwd: dir });
    lock?.release();
    expect(held, held.stderr).toMatchObject({ code: 0 });
    expect(held.stderr).toMatch(/0 events went into topic t, 7 left; 7 of them are in slots of servers at work, which send them/);
    const file = path.join(folder, '0000000001.spool');
    const bytes = await readFile(file);
    bytes.write('?', bytes.length - 1);
    await writeFile(file, bytes);
    const drain = await runCli(['ingest', 'spool', 'drain'], { cwd: dir });
    expect(drain, drain.stderr).toMatchObject({ code: 3 });
    expect(drain.stderr).toMatch(/is damaged at byte 0\n(.*\n)*.*mv \S+ \S+\.damaged\S+ \S+ && keystone ingest spool drain/);
    expect(drain.stderr).toMatch(/0 events went into topic t; nobody sends what is left in slot-0\./);
    const status = await runCli(['ingest', 'spool', 'status'], { cwd: dir });
    expect(status.stderr).toMatch(/nobody sends what is in slot-0 before the damage is mended/);
    expect(status.stderr).not.toMatch(/send them: keystone ingest spool drain/);
    expect(await readFile(file)).toEqual(bytes);
  });

  it('has nothing to do where nothing waits, or where the log is on this machine', async () => {
    const empty = await runCli(['ingest', 'spool', 'drain'], { cwd: await leftBehind(0) });
    expect(empty).toMatchObject({ code: 0, stderr: expect.stringMatching(/0 events went into topic t/) as string });
    const embedded = await runCli(['ingest', 'spool', 'status'], { cwd: await smallProject(0) });
    expect(embedded).toMatchObject({ code: 0, stdout: expect.stringMatching(/has no spool/) as string });
  });

  it(
    'is known to account, trace and doctor, where the log is on this machine and where it is away',
    { timeout: 120_000 },
    async () => {
      const dir = await smallProject(2);
      const slot = await leaveInSpool(dir, DEFAULT_TOPIC, [{ ids: ['waits', 'too'], partition: 1 }, { ids: ['more'] }]);
      const account = await runCli(['ledger', 'verify', '--json'], { cwd: dir });
      expect(account, account.stderr).toMatchObject({ code: 0 });
      expect(JSON.parse(account.stdout)).toMatchObject({
        result: { closed: true, totals: { pending: 2 }, spool: { events: 3, inDoubt: 0, oldestAt: '2017-07-14T02:40:00.000Z' } },
      });
      const said = await runCli(['ledger', 'verify'], { cwd: dir });
      expect(said.stdout).toMatch(
        /^SPOOLED 3 events wait on this machine for the log, the oldest for \d+d .*\n {2}\S+\/slot-0: 3 events/m,
      );
      expect(said.stderr).toMatch(/The account closes .*; 2 pending in the log, 3 in the spool of this machine\./);
      const trace = await runCli(['trace', 'too'], { cwd: dir });
      expect(trace, trace.stderr).toMatchObject({ code: 0 });
      expect(trace.stdout).toMatch(/2017-07-14T02:40:00\.000Z +spool +\S+\/1, slot-0 of this machine, not yet in the log/);
      expect(trace.stderr).toMatch(/Done\. 1 event; go on with: keystone ingest spool status/);
      const doctor = await runCli(['doctor', '--output', 'csv', '--filter', 'check=spool events', '--set', 'ingest.port=0'], {
        cwd: dir,
      });
      expect(doctor.stdout).toMatch(/^spool events,warning,"?3 accepted events wait/m);
      const file = path.join(slot, '0000000001.spool');
      const bytes = await readFile(file);
      bytes.write('?', bytes.indexOf('"order_id":"too"'));
      await writeFile(file, bytes);
      const broken = await runCli(['ledger', 'verify'], { cwd: dir });
      expect(broken).toMatchObject({
        code: 3,
        stdout: expect.stringMatching(/BREAK spool \S+\/slot-0: .* is damaged at byte 0/) as string,
      });
    },
  );
});
