import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AppendOutcome } from '../../../../src/core/ingest/group-commit.js';
import { claimSlots } from '../../../../src/core/spool/spool-folder.js';
import type { IngestMode } from '../../../../src/core/ingest/spool/spool-mode.js';
import { spooledAppends, type SpooledAppends } from '../../../../src/core/ingest/spool/spooled-appends.js';
import type { NewRecord } from '../../../../src/core/log/event-log.js';
import { partitionChooser } from '../../../../src/core/log/partition-choice.js';
import { systemEffects } from '../../../support/effects.js';
import { seededRandom } from '../../../support/mixed-events.js';
import { namedLog, type NamedLog } from '../../../support/named-log.js';
import { smallDisk } from '../../../support/small-disk.js';
import { tempDir } from '../../../support/temp-dir.js';

const PARTITIONS = 3;
const { clock } = systemEffects();

interface Opened {
  readonly appends: SpooledAppends;
  readonly modes: IngestMode[];
}

/** As a process that starts: takes what others left. Closed with the test, unless it is left as kill -9 would leave it. */
async function start(log: NamedLog, folder: string, options: { maxBytes?: number; isLogThere?: boolean } = {}): Promise<Opened> {
  const { slots, problems } = await claimSlots(folder, { own: true, fileBytes: 4000 });
  expect(problems).toEqual([]);
  const modes: IngestMode[] = [];
  const choose = partitionChooser(PARTITIONS, 0);
  const known = { partitions: PARTITIONS, recordBytes: 10_000 };
  const appends = spooledAppends({
    delivery: { named: log, topic: 't', clock, patienceMs: 50 },
    slots,
    maxBytes: options.maxBytes ?? 1_000_000,
    clock,
    known,
    probe: async () => {
      if (log.weather === 'away') throw Object.assign(new Error('away'), { retriable: true });
      return known;
    },
    partitionOf: choose,
    isHeld: () => false,
    isLogThere: options.isLogThere ?? true,
    onMode: ({ mode }) => modes.push(mode),
  });
  onTestFinished(() => appends.close());
  return { appends, modes };
}

const record = (text: string): NewRecord => ({
  key: Buffer.from(text.split('-')[0]!),
  value: Buffer.from(text),
  headers: [{ key: 'h', value: Buffer.from(text) }],
});
const kinds = (outcomes: readonly AppendOutcome[]): string[] =>
  outcomes.map((outcome) => (outcome instanceof Error ? outcome.message : 'kind' in outcome ? 'spooled' : 'log'));
const all = (log: NamedLog): string[] => log.values().flat().toSorted();

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    if (tries > 2000) throw new Error('it does not come');
    await clock.sleep(5);
  }
}

describe('appends with a spool', () => {
  it('go straight into the log while it is there', async () => {
    const log = namedLog(PARTITIONS);
    const { appends, modes } = await start(log, await tempDir());
    const outcomes = await appends.append(['a-1', 'b-1', 'a-2'].map(record));
    expect(kinds(outcomes)).toEqual(['log', 'log', 'log']);
    expect(all(log)).toEqual(['a-1', 'a-2', 'b-1']);
    expect(modes).toEqual([]);
    expect(appends.state()).toMatchObject({ mode: 'log', events: 0, bytes: 0, problem: null });
  });

  it('are kept while it is away and drained in order when it is back, and then go straight again', async () => {
    const log = namedLog(PARTITIONS);
    const { appends, modes } = await start(log, await tempDir());
    await appends.append([record('a-0')]);
    log.weather = 'away';
    for (let n = 1; n < 30; n++)
      expect(kinds(await appends.append([record(`a-${n}`), record(`b-${n}`)]))).toEqual(['spooled', 'spooled']);
    expect(appends.state()).toMatchObject({ mode: 'spooling', events: 58 });
    log.weather = 'fine';
    await until(() => appends.state().mode === 'log');
    expect(kinds(await appends.append([record('a-30')]))).toEqual(['log']);
    const ofKey = log.values().map((values) => values.filter((value) => value.startsWith('a-')));
    expect(ofKey.flat()).toEqual(Array.from({ length: 31 }, (_, n) => `a-${n}`));
    expect(all(log)).toHaveLength(60);
    expect(modes).toEqual(['spooling', 'draining', 'log']);
    expect(appends.state()).toMatchObject({ events: 0, bytes: 0 });
  });

  it('are there once when the log took a batch and its answer was lost', async () => {
    const log = namedLog(PARTITIONS);
    const { appends } = await start(log, await tempDir());
    log.weather = 'deaf';
    expect(kinds(await appends.append(['a-1', 'b-1', 'c-1'].map(record)))).toEqual(['spooled', 'spooled', 'spooled']);
    await appends.append([record('a-2')]);
    log.weather = 'fine';
    await until(() => appends.state().mode === 'log');
    expect(all(log)).toEqual(['a-1', 'a-2', 'b-1', 'c-1']);
  });

  it('are there once in every weather, in order, under load', async () => {
    const log = namedLog(PARTITIONS);
    const { appends } = await start(log, await tempDir());
    const random = seededRandom(11);
    log.onSend = () => {
      const dice = random();
      log.weather = dice < 0.5 ? 'fine' : dice < 0.8 ? 'deaf' : 'away';
    };
    const weather = setInterval(() => (log.weather = random() < 0.5 ? 'away' : 'fine'), 20);
    const given: string[] = [];
    for (let n = 0; n < 300; n++) {
      const values = Array.from({ length: 1 + (n % 4) }, (_, i) => `${'abcd'[i]}-${n}`);
      expect(kinds(await appends.append(values.map(record))).every((kind) => kind === 'log' || kind === 'spooled')).toBe(true);
      given.push(...values);
    }
    clearInterval(weather);
    log.onSend = () => (log.weather = 'fine');
    log.weather = 'fine';
    await until(() => appends.state().mode === 'log');
    expect(all(log)).toEqual(given.toSorted());
    for (const key of 'abcd') {
      const order = log
        .values()
        .flatMap((values) => values.filter((value) => value.startsWith(`${key}-`)).map((v) => Number(v.slice(2))));
      expect(order).toEqual(order.toSorted((x, y) => x - y));
    }
  });

  it('refused for good are told so, and nothing is spooled', async () => {
    const log = namedLog(PARTITIONS);
    const { appends } = await start(log, await tempDir());
    log.weather = 'refusing';
    expect(kinds(await appends.append([record('a-1')]))).toEqual(['not permitted']);
    expect(appends.state()).toMatchObject({ mode: 'log', events: 0 });
  });

  it('too large for the topic are refused alone, before they could stop up the spool', async () => {
    const log = namedLog(PARTITIONS);
    const { appends } = await start(log, await tempDir());
    const large = { ...record('a-1'), value: Buffer.alloc(20_000) };
    const [first, second] = kinds(await appends.append([large, record('a-2')]));
    expect(first).toMatch(/more than the topic takes/);
    expect(second).toBe('log');
  });

  it('are refused when the spool is full, and nothing that was kept is lost', async () => {
    const log = namedLog(PARTITIONS);
    const { appends, modes } = await start(log, await tempDir(), { maxBytes: 5000 });
    log.weather = 'away';
    const kept: string[] = [];
    for (let n = 0; n < 100; n++) {
      const [kind] = kinds(await appends.append([record(`a-${n}`)]));
      if (kind === 'spooled') kept.push(`a-${n}`);
      else expect(kind).toMatch(/the spool is full: \d+ of 5000 bytes wait/);
    }
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.length).toBeLessThan(100);
    expect(appends.state().mode).toBe('full');
    log.weather = 'fine';
    await until(() => appends.state().mode === 'log');
    expect(all(log)).toEqual(kept.toSorted());
    expect(modes).toEqual(['spooling', 'full', 'draining', 'log']);
  });

  it('of a process that died are taken up by the next one, in front of its own', async () => {
    const folder = await tempDir();
    const log = namedLog(PARTITIONS);
    log.weather = 'away';
    const first = await start(log, folder);
    for (let n = 0; n < 10; n++) await first.appends.append([record(`a-${n}`)]);
    await first.appends.close();
    const second = await start(log, folder, { isLogThere: false });
    expect(second.appends.state()).toMatchObject({ mode: 'spooling', events: 10 });
    await second.appends.append([record('a-10')]);
    log.weather = 'fine';
    await until(() => second.appends.state().mode === 'log');
    expect(log.values().flat()).toEqual(Array.from({ length: 11 }, (_, n) => `a-${n}`));
  });

  it.each(['remembers', 'has forgotten', 'has forgotten and asks nothing'] as const)(
    'are there once when the process died between sending and noting it, and the log %s the names',
    async (memory) => {
      const folder = await tempDir();
      const log = namedLog(PARTITIONS);
      log.weather = 'away';
      const dying = await start(log, folder);
      for (let n = 0; n < 12; n++) await dying.appends.append([record(`a-${n}`), record(`b-${n}`)]);
      // The batches arrive, and nobody hears of it any more.
      log.onSend = () => {
        log.weather = 'deaf';
      };
      log.weather = 'fine';
      await until(() => log.values().flat().length > 0);
      log.onSend = () => undefined;
      log.weather = 'away';
      await dying.appends.close();
      if (memory !== 'remembers') log.forget();
      log.isStrict = memory !== 'has forgotten and asks nothing';
      if (memory === 'has forgotten and asks nothing') await ageNames(folder);
      log.weather = 'fine';
      const next = await start(log, folder);
      await until(() => next.appends.state().mode === 'log');
      expect(all(log)).toEqual(
        Array.from({ length: 12 }, (_, n) => [`a-${n}`, `b-${n}`])
          .flat()
          .toSorted(),
      );
    },
  );

  it('are refused on a full disk, and kept again when there is room', async (context) => {
    const disk = await smallDisk(3_000_000);
    if (!disk) return context.skip();
    onTestFinished(() => disk.remove());
    const log = namedLog(PARTITIONS);
    const { appends } = await start(log, path.join(disk.dir, 'spool'), { maxBytes: 100_000_000 });
    log.weather = 'away';
    const kept: string[] = [];
    const put = async (n: number): Promise<string> => {
      const [kind] = kinds(await appends.append([record(`a-${n}-${'x'.repeat(3000)}`)]));
      if (kind === 'spooled') kept.push(`a-${n}-${'x'.repeat(3000)}`);
      return kind!;
    };
    await put(0);
    await disk.leave(20_000);
    const told: string[] = [];
    for (let n = 1; n < 20; n++) told.push(await put(n));
    expect(told.at(-1)).toMatch(/could not keep it: ENOSPC/);
    expect(appends.state().mode).toBe('full');
    // What was kept can be drained though the disk is full.
    log.weather = 'fine';
    await until(() => appends.state().mode === 'log');
    expect(all(log)).toEqual(kept.toSorted());
    log.weather = 'away';
    expect(await put(20)).toBe('spooled');
    await disk.release();
    log.weather = 'fine';
    await until(() => appends.state().mode === 'log');
    expect(all(log)).toEqual(kept.toSorted());
  });
});

/** As if the names had been given long ago. */
async function ageNames(folder: string): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  const { crc32 } = await import('node:zlib');
  const file = path.join(folder, 'slot-0', 'journal');
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  const aged = lines.map((line) => {
    const json = line.slice(9).replace(/"atMs":\d+/, '"atMs":1000');
    return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
  });
  await writeFile(file, aged.join(''));
}
