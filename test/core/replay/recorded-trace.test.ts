import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEADER_DATASET, HEADER_EVENT_ID, HEADER_SOURCE } from '../../../src/core/event/envelope.js';
import type { NewRecord } from '../../../src/core/log/event-log.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { parseTraceHeader } from '../../../src/core/replay/trace-lines.js';
import { openDoor } from '../../support/ingest-door.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';
import { anyContent } from './replay-events.js';
import { contentOf, record, recordsOf, replay, TOPIC } from './replay-project.js';

const signal = new AbortController().signal;
const FORMS = ['parquet', 'ndjson', 'ndjson.gz'] as const;
/** Where the header of a trace stands in the form. */
const headerLine = (form: string, bytes: Buffer): string =>
  (form === 'ndjson.gz' ? gunzipSync(bytes) : bytes).toString('utf8').split('\n')[0] ?? '';

describe('a recorded trace', { timeout: 120_000 }, () => {
  it.each(['topic', 'bronze'] as const)(
    'of %s brings every byte into another project, in the order of each partition',
    async (source) => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyContent, { minLength: 200, maxLength: 300 }), async (contents) => {
          const { lake: from, dir } = await testLake();
          const log = await from.log();
          await log.ensureTopic(TOPIC, 3);
          const records = contents.map(({ eventId, dataset, source: name, key, headers, payload }, n): NewRecord => {
            const ours = [
              { key: HEADER_EVENT_ID, value: eventId },
              { key: HEADER_DATASET, value: Buffer.from(dataset) },
              ...(name === null ? [] : [{ key: HEADER_SOURCE, value: Buffer.from(name) }]),
            ];
            return { partition: n % 3, key, value: payload, headers: [...ours, ...headers] };
          });
          await log.append(TOPIC, records);
          if (source === 'bronze') {
            await runConsumer(from, { untilCaughtUp: true, signal, onProgress: () => undefined, onNotice: () => undefined });
          }
          const before = await recordsOf(log);
          const payloadBytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
          for (const form of FORMS) {
            const out = path.join(dir, `trace.${form}`);
            const recorded = await record(from, { source, out });
            expect(recorded).toMatchObject({ events: records.length, bytes: payloadBytes });
            const { lake: to } = await testLake();
            expect(await replay(to, { sources: [out], dryRun: true })).toMatchObject({
              events: records.length,
              bytes: payloadBytes,
            });
            expect(await replay(to, { sources: [out] })).toMatchObject({ accepted: records.length, bytes: payloadBytes });
            const after = await recordsOf(await to.log());
            expect(after.map(({ partition, ...one }) => [partition, contentOf(one)])).toEqual(
              before.map(({ partition, ...one }) => [partition, contentOf(one)]),
            );
            await to.close();
          }
          await from.close();
        }),
        // Each run is a project of its own: one with many events costs less than many.
        { numRuns: 1, endOnFailure: true },
      );
    },
  );

  it('says what it holds, appears whole, and is the same from the topic and from bronze', async () => {
    const { lake, dir } = await testLake();
    const log = await lake.log();
    await log.ensureTopic(TOPIC, 3);
    await log.append(TOPIC, mixedEvents(500, { seed: 5, partitions: 3 }));
    await runConsumer(lake, { untilCaughtUp: true, signal, onProgress: () => undefined, onNotice: () => undefined });
    const texts = [];
    for (const source of ['topic', 'bronze'] as const) {
      const out = path.join(dir, `${source}.ndjson`);
      const { events, bytes, fileBytes } = await record(lake, { source, out, dataset: 'orders', where: 'payload IS NOT NULL' });
      const text = await readFile(out);
      expect(text.length).toBe(fileBytes);
      expect(parseTraceHeader(headerLine('ndjson', text), out)).toMatchObject({
        project: 'keystone',
        source,
        topics: [TOPIC],
        dataset: 'orders',
        where: 'payload IS NOT NULL',
        events,
        payload_bytes: bytes,
        datasets: { orders: events },
      });
      expect(events).toBeGreaterThan(100);
      texts.push(text.toString('utf8').split('\n').slice(1));
    }
    expect(texts[0]).toEqual(texts[1]);
    expect((await readdir(dir)).filter((name) => name.startsWith('.') && name !== '.keystone')).toEqual([]);
  });

  it('that is cut or changed is refused, and none is left by a recording that was stopped or had nowhere to go', async () => {
    const { lake, dir } = await testLake();
    const log = await lake.log();
    await log.ensureTopic(TOPIC, 3);
    await log.append(TOPIC, mixedEvents(50, { seed: 5, partitions: 3 }));
    const out = path.join(dir, 'trace.ndjson.gz');
    await record(lake, { out });
    const whole = gunzipSync(await readFile(out));
    const refused = { code: 'KS_CHECK_FAILED' };
    await writeFile(out, gzipSync(whole.subarray(0, whole.lastIndexOf('\n', whole.length - 2) + 1)));
    await expect(replay(lake, { sources: [out], dryRun: true })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('holds 49 events, its header says 50') as string,
    });
    await writeFile(out, gzipSync(whole.toString().replace('"keystone_trace":1', '"keystone_trace":2')));
    await expect(replay(lake, { sources: [out], dryRun: true })).rejects.toMatchObject(refused);
    await truncate(out, 100);
    await expect(replay(lake, { sources: [out], dryRun: true })).rejects.toMatchObject(refused);
    const parquet = path.join(dir, 'trace.parquet');
    await record(lake, { out: parquet });
    await truncate(parquet, 500);
    await expect(replay(lake, { sources: [parquet], dryRun: true })).rejects.toMatchObject(refused);

    const folder = await tempDir();
    const stopped = record(lake, { out: path.join(folder, 'a.parquet'), signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
    await expect(record(lake, { out: path.join(folder, 'no', 'a.parquet') })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await expect(record(lake, { out: path.join(folder, 'a.csv') })).rejects.toMatchObject({ code: 'KS_USAGE' });
    await record(lake, { out: path.join(folder, 'a.parquet'), dryRun: true });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a file that is there already', () => {
  it('is not replaced by a recording unless that is asked for', async () => {
    const { lake, dir } = await testLake();
    await (await lake.log()).ensureTopic(TOPIC, 1);
    const out = path.join(dir, 'kept.ndjson');
    await writeFile(out, 'all that is left\n');
    for (const dryRun of [true, false])
      await expect(record(lake, { out, dryRun })).rejects.toMatchObject({
        code: 'KS_USAGE',
        hint: expect.stringMatching(/--force/),
      });
    expect(await readFile(out, 'utf8')).toBe('all that is left\n');
    await record(lake, { out, force: true });
    expect(await readFile(out, 'utf8')).toContain('keystone_trace');
    await writeFile(out, `${await readFile(out, 'utf8')}{"topic":"t","partition":"0"}\n`);
    await expect(replay(lake, { sources: [out] })).rejects.toMatchObject({
      code: 'KS_CHECK_FAILED',
      message: expect.stringMatching(/line 2 is no event of a recorded trace: partition: expected number/),
    });
  });
});

describe('a replay', () => {
  it('tries the server in a dry run, and lets nothing be sent', async () => {
    const { lake } = await testLake();
    await (await lake.log()).ensureTopic(TOPIC, 1);
    const { log, server } = await openDoor();
    const dry = { sources: ['topic'], dryRun: true };
    expect(await replay(lake, { ...dry, server: `127.0.0.1:${server.port}` })).toMatchObject({ events: 0 });
    const { server: closed } = await openDoor({ admit: () => ({ kind: 'refused', reason: 'a bearer token is needed' }) });
    await expect(replay(lake, { ...dry, server: `127.0.0.1:${closed.port}` })).rejects.toMatchObject({ code: 'KS_CREDENTIALS' });
    expect(log.appended).toEqual([]);
    await expect(replay(lake, { ...dry, server: '127.0.0.1:1' })).rejects.toMatchObject({ code: 'KS_SERVER_UNREACHABLE' });
  });

  it('refuses a name that no topic can have, and says when a dataset is not known', async () => {
    const { lake } = await testLake();
    await (await lake.log()).ensureTopic(TOPIC, 1);
    for (const toTopic of ['bad topic/../x', '..', '', 'x'.repeat(250)])
      await expect(replay(lake, { toTopic })).rejects.toMatchObject({ code: 'KS_USAGE' });
    const { warnings } = await replay(lake, { dataset: 'nosuch', dryRun: true });
    expect(warnings).toEqual([expect.stringMatching(/no event of the dataset nosuch, and no contract/)]);
  });
});
