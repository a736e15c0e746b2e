/** The embedded log between processes, and when one of them dies or the disk is full. Needs `npm run build`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import type { EventLog } from '../../../src/core/log/event-log.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

const WRITER = path.resolve('test/core/log/log-writer.mjs');
const LIMIT = { maxRecords: 1_000_000, maxBytes: 1 << 26 };

async function openAt(file: string): Promise<EventLog> {
  const log = await openEmbeddedLog({ path: file, clock: systemEffects().clock });
  onTestFinished(() => log.close());
  return log;
}

interface Acknowledged {
  readonly n: number;
  readonly positions: readonly (readonly [partition: number, offset: number])[];
}

function startWriter(file: string, name: string, appends: number, batch: number) {
  const child = spawn(process.execPath, [WRITER, file, name, String(appends), String(batch)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return {
    kill: () => child.kill('SIGKILL'),
    /** What was acknowledged by the time it ended; a line that the kill cut off was not. */
    ended: once(child, 'close').then(() =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Acknowledged),
    ),
    acknowledged: () => output.split('\n').length - 1,
  };
}

/** Everything in the log, by `partition/offset`; fails when offsets have a gap. */
async function valuesByPosition(log: EventLog): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { partition, endOffset } of await log.bounds('t')) {
    let expected = 0;
    while (expected < endOffset) {
      const { records } = await log.read('t', partition, expected, LIMIT);
      for (const record of records) {
        expect(record.offset).toBe(expected++);
        const text = Buffer.from(record.value!).toString();
        expect(text).toHaveLength(400);
        found.set(`${partition}/${record.offset}`, text.replace(/:x+$/, ''));
      }
    }
  }
  return found;
}

function expectAllIn(found: ReadonlyMap<string, string>, name: string, acknowledged: readonly Acknowledged[]): void {
  for (const { n, positions } of acknowledged)
    positions.forEach(([partition, offset], i) => expect(found.get(`${partition}/${offset}`)).toBe(`${name}:${n}:${i}`));
}

describe('embedded log between processes', () => {
  it('takes appends of several processes at once while another reads', async () => {
    const file = path.join(await tempDir(), 'log.db');
    const writers = ['a', 'b', 'c'].map((name) => ({ name, ...startWriter(file, name, 60, 20) }));
    const log = await openAt(file);
    let done = false;
    const all = Promise.all(writers.map(async ({ name, ended }) => ({ name, acknowledged: await ended }))).finally(
      () => (done = true),
    );
    const positions = new Map<number, number>();
    let followed = 0;
    for (let last = false; ;) {
      for (const { partition } of await log.bounds('t')) {
        const { records, nextOffset } = await log.read('t', partition, positions.get(partition) ?? 0, LIMIT);
        followed += records.length;
        positions.set(partition, nextOffset);
      }
      if (last) break;
      last = done;
      await delay(5);
    }
    expect(followed).toBe(3 * 60 * 20);
    const found = await valuesByPosition(log);
    expect(found.size).toBe(3 * 60 * 20);
    for (const { name, acknowledged } of await all) {
      expect(acknowledged).toHaveLength(60);
      expectAllIn(found, name, acknowledged);
    }
  });

  it('holds every acknowledged record, and no half append, after kill -9 in the middle of appends', async () => {
    const file = path.join(await tempDir(), 'log.db');
    const batch = 30;
    const rounds: { name: string; acknowledged: readonly Acknowledged[] }[] = [];
    for (let round = 0; round < 4; round++) {
      const writer = startWriter(file, `w${round}`, 0, batch);
      while (writer.acknowledged() < 3) await delay(5);
      await delay(Math.random() * 60);
      writer.kill();
      rounds.push({ name: `w${round}`, acknowledged: await writer.ended });
    }
    const found = await valuesByPosition(await openAt(file));
    for (const { name, acknowledged } of rounds) expectAllIn(found, name, acknowledged);
    const sizes = new Map<string, number>();
    for (const value of found.values()) {
      const append = value.slice(0, value.lastIndexOf(':'));
      sizes.set(append, (sizes.get(append) ?? 0) + 1);
    }
    expect(new Set(sizes.values())).toEqual(new Set([batch]));
  });

  // A file size limit stands in for a full disk: a write fails in the same place, and the limit can be lifted again.
  const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;
  it.skipIf(!canLimit)(
    'refuses appends while the disk takes no more, keeps what it has, and goes on once there is room',
    async () => {
      const dir = await tempDir();
      const script = path.join(dir, 'full.mjs');
      await writeFile(
        script,
        `import { execFileSync } from 'node:child_process';
       import { openEmbeddedLog } from ${JSON.stringify(pathToFileURL(path.resolve('dist/core/log/embedded-log.js')).href)};
       const limit = (size) => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + size + ':unlimited']);
       const log = await openEmbeddedLog({ path: ${JSON.stringify(path.join(dir, 'log.db'))}, clock: { nowMs: () => Date.now() } });
       await log.ensureTopic('t', 1);
       const append = () => log.append('t', Array.from({ length: 100 }, () => ({ key: null, value: new Uint8Array(1000), headers: [] })));
       await append();
       limit(2000000);
       let kept = 1;
       let refusal = null;
       for (let n = 0; n < 100 && refusal === null; n++) await append().then(() => kept++, (error) => (refusal = error));
       const after = (await log.bounds('t'))[0].endOffset;
       limit('unlimited');
       await append();
       const { records } = await log.read('t', 0, 0, { maxRecords: 1e6, maxBytes: 1e9 });
       console.log(JSON.stringify({ kept, code: refusal?.code, hint: refusal?.hint, message: refusal?.message, after, records: records.length }));
       await log.close();`,
      );
      const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      await once(child, 'close');
      const result = JSON.parse(output) as {
        kept: number;
        code: string;
        hint: string;
        message: string;
        after: number;
        records: number;
      };
      expect(result).toMatchObject({
        code: 'KS_LOG',
        hint: expect.stringContaining('Free disk space'),
        after: result.kept * 100,
      });
      expect(result.records).toBe((result.kept + 1) * 100);
    },
  );

  it('names the file and what to do when it is no log', async () => {
    const file = path.join(await tempDir(), 'log.db');
    await writeFile(file, 'this is no database, it is a text of some length'.repeat(50));
    const log = await openAt(file);
    await expect(log.ensureTopic('t', 1)).rejects.toMatchObject({
      code: 'KS_LOG',
      message: expect.stringContaining(file),
      hint: expect.any(String),
    });
  });
});
