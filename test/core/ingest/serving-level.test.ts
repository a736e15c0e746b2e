/** The level of degradation as a server shows it: in the health of both doors, and in its lines. */
import { Client, credentials, type Metadata } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { IngestServerEvent } from '../../../src/core/ingest/ingest-server-event.js';
import { runServe } from '../../../src/core/ingest/run-serve.js';
import { watchLevel } from '../../../src/core/ingest/serving-level.js';
import type { Clock } from '../../../src/core/clock.js';
import { NOT_DEGRADED, type Degradation, type Level } from '../../../src/core/resilience/degradation.js';
import { setLevel } from '../../../src/core/resilience/kept-degradation.js';
import { openDoor } from '../../support/ingest-door.js';
import { testLake } from '../../support/test-lake.js';

/** What a health check of gRPC says in its metadata, beside SERVING. */
async function checkedBy(client: Client): Promise<ReadonlyMap<string, string>> {
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    let facts: Metadata | undefined;
    const call = client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, Buffer.alloc(0), (error, answer) => {
      if (error) return reject(error);
      expect(answer).toEqual(Buffer.from([0x08, 0x01]));
      const told = Object.entries(facts?.getMap() ?? {}).filter(([name]) => name.startsWith('keystone-'));
      resolve(new Map(told.map(([name, value]) => [name, String(value)])));
    });
    call.on('metadata', (metadata: Metadata) => (facts = metadata));
  });
}

describe('the level of degradation of a server', () => {
  it('stands in the health of both doors, beside where events go', async () => {
    const { server, connect } = await openDoor({
      httpPort: 0,
      level: () => ({ level: 'minimal', mode: 'automatic', away: ['catalog'] }),
      spool: {
        append: async () => [],
        state: () => ({ mode: 'draining', sinceMs: 0, events: 0, bytes: 0, oldestMs: null, problem: null }),
      },
    });
    expect(await checkedBy(connect())).toEqual(
      new Map([
        ['keystone-degradation', 'minimal'],
        ['keystone-ingest-mode', 'draining'],
      ]),
    );
    expect(await (await fetch(`http://127.0.0.1:${server.httpPort}/healthz`)).json()).toMatchObject({
      status: 'ok',
      degradation: { level: 'minimal', mode: 'automatic', away: ['catalog'] },
      spool: { mode: 'draining' },
    });
  });

  it('follows what is set while it serves, is told once, and is full again', async () => {
    const { lake } = await testLake();
    const { clock } = lake.effects;
    const stop = new AbortController();
    const events: IngestServerEvent[] = [];
    const served = runServe(lake, {
      host: '127.0.0.1',
      port: 0,
      httpPort: 0,
      keyMode: undefined,
      lingerMs: undefined,
      env: {},
      signal: stop.signal,
      onEvent: (event) => events.push(event),
    });
    onTestFinished(async () => {
      stop.abort();
      await served;
    });
    const patience = { timeout: 60_000 };
    await expect.poll(() => events.some(({ kind }) => kind === 'listening'), patience).toBe(true);
    const at = events.find((event) => event.kind === 'listening');
    const client = new Client(at?.address ?? '', credentials.createInsecure());
    onTestFinished(() => client.close());
    const isShown = async (level: Level): Promise<void> => {
      await expect.poll(async () => (await checkedBy(client)).get('keystone-degradation'), patience).toBe(level);
      const page = (await (await fetch(`http://${at?.httpAddress}/healthz`)).json()) as { degradation: { level: string } };
      expect(page.degradation.level).toBe(level);
    };
    await isShown('full');
    const by = { by: 'the test', reason: 'a drill' };
    await setLevel(await lake.state(), 'reduced', { id: 'one', atMs: clock.nowMs(), ...by }, null);
    await isShown('reduced');
    await setLevel(await lake.state(), null, { id: 'two', atMs: clock.nowMs(), ...by }, null);
    await isShown('full');
    expect(events.filter(({ kind }) => kind === 'degradation')).toEqual([
      { kind: 'degradation', from: 'full', to: 'reduced', causes: ['set by the test: a drill'] },
      { kind: 'degradation', from: 'reduced', to: 'full', causes: [] },
    ]);
  });

  it('is asked for once a second at most, is not waited for, and may be unknown', async () => {
    let nowMs = 0;
    const waits: { readonly untilMs: number; readonly go: () => void }[] = [];
    const clock: Clock = {
      nowMs: () => nowMs,
      sleep: (ms, signal) =>
        new Promise((go) => {
          waits.push({ untilMs: nowMs + ms, go });
          signal?.addEventListener('abort', () => go(), { once: true });
        }),
    };
    const asks: { readonly atMs: number; readonly answer: (found: Degradation | null) => void }[] = [];
    const told: string[] = [];
    const watch = watchLevel({
      ask: () => new Promise((answer) => asks.push({ atMs: nowMs, answer })),
      clock,
      onChange: ({ level }, from) => told.push(`${from} ${level}`),
    });
    const next = async (found: Degradation | null): Promise<void> => {
      const before = waits.length;
      asks.at(-1)?.answer(found);
      await expect.poll(() => waits.length).toBe(before + 1);
    };
    const wake = async (): Promise<void> => {
      const before = asks.length;
      const wait = waits.at(-1)!;
      nowMs = wait.untilMs;
      wait.go();
      await expect.poll(() => asks.length).toBe(before + 1);
    };
    expect(watch.now()).toEqual({ level: 'unknown', mode: null, away: [] });
    await next({ ...NOT_DEGRADED, level: 'reduced', away: ['engine'] });
    expect(watch.now()).toEqual({ level: 'reduced', mode: 'automatic', away: ['engine'] });
    await wake();
    await next(null);
    expect(watch.now().level).toBe('unknown');
    await wake();
    await next({ ...NOT_DEGRADED, level: 'reduced' });
    await wake();
    // The answer is late: what was known stands.
    expect(watch.now().level).toBe('reduced');
    expect(asks.map(({ atMs }) => atMs)).toEqual([0, 1000, 2000, 3000]);
    expect(told).toEqual(['full reduced']);
    const closed = watch.close();
    asks.at(-1)?.answer(null);
    await closed;
    expect(waits).toHaveLength(3);
  });
});
