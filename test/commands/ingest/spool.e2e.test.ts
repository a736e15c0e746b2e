/** The spool's commands, without a server and without a broker. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSlot } from '../../../src/core/spool/spool-slot.js';
import { isBuilt, runCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

/** A project whose brokers are away, with `events` in the slot of a server that is gone. */
async function leftBehind(events: number): Promise<string> {
  const dir = await smallProject(0);
  await writeFile(
    path.join(dir, 'keystone.yaml'),
    'version: 1\nresilience: { patience: 500ms }\ningest:\n  spool: { patience: 200ms }\nprofiles:\n  local:\n    log: { adapter: kafka, topic: t, kafka: { brokers: "127.0.0.1:1" } }\n',
  );
  const folder = path.join(dir, '.keystone/spool/local/t');
  await mkdir(path.join(folder, 'slot-0'), { recursive: true });
  await writeFile(path.join(folder, 'topic.json'), '{"partitions":3,"recordBytes":1000000}');
  const slot = await openSlot(path.join(folder, 'slot-0'), 'slot-0');
  const records = Array.from({ length: events }, () => ({ partition: 1, key: null, value: Buffer.from('{}'), headers: [] }));
  if (events > 0) await slot.append({ atMs: 1_500_000_000_000, runs: [{ partition: 1, records, name: null }] });
  await slot.close();
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

  it('has nothing to do where nothing waits, or where the log is on this machine', async () => {
    const empty = await runCli(['ingest', 'spool', 'drain'], { cwd: await leftBehind(0) });
    expect(empty).toMatchObject({ code: 0, stderr: expect.stringMatching(/0 events went into topic t/) as string });
    const embedded = await runCli(['ingest', 'spool', 'status'], { cwd: await smallProject(0) });
    expect(embedded).toMatchObject({ code: 0, stdout: expect.stringMatching(/has no spool/) as string });
  });
});
