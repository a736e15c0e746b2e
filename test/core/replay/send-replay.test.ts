import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import type { ReplayEvent } from '../../../src/core/replay/replay-event.js';
import { steadyPace, type Pace } from '../../../src/core/replay/replay-pace.js';
import type { ReplaySink } from '../../../src/core/replay/replay-sink.js';
import type { ReplaySource } from '../../../src/core/replay/replay-source.js';
import { sendReplay, type ReplayStand, type SendReplayOptions } from '../../../src/core/replay/send-replay.js';
import { recorded } from './replay-events.js';

/** A clock that only sleeping moves. */
function sleepingClock(): Clock & { readonly sleeps: number[] } {
  let now = 0;
  const sleeps: number[] = [];
  return {
    sleeps,
    nowMs: () => now,
    sleep: async (ms) => {
      sleeps.push(ms);
      now += ms;
    },
  };
}

const sourceOf = (events: readonly ReplayEvent[], batch = 3): ReplaySource => ({
  name: 'test',
  plan: { kind: 'files', files: [] },
  totalEvents: events.length,
  events: async function* (next) {
    const rest = events.filter(({ stream, position }) => position >= (next.get(stream) ?? 0));
    for (let at = 0; at < rest.length; at += batch) yield rest.slice(at, at + batch);
  },
  warnings: () => [],
  failedLines: () => 0,
  close: async () => undefined,
});

const everything = { selects: async (events: readonly ReplayEvent[]) => events.map(() => true), close: async () => undefined };
const fresh: ReplayStand = { events: 0, bytes: 0, datasets: {}, next: new Map() };
const ten = Array.from({ length: 10 }, (_, n) => recorded(n, n * 1000));

function options(change: Partial<SendReplayOptions>): SendReplayOptions {
  return {
    source: sourceOf(ten),
    selection: everything,
    sink: null,
    pace: undefined,
    limit: undefined,
    start: fresh,
    onDurable: async () => undefined,
    clock: sleepingClock(),
    progress: () => undefined,
    signal: new AbortController().signal,
    ...change,
  };
}

/** Remembers what it was given; what is flushed counts as durable. */
function memorySink(onSend: (event: ReplayEvent) => void = () => undefined): ReplaySink & { readonly durable: number[] } {
  const durable: number[] = [];
  let given: number[] = [];
  return {
    durable,
    send: async (event) => {
      onSend(event);
      given.push(event.position);
    },
    flush: async () => {
      durable.push(...given);
      given = [];
    },
    close: () => undefined,
  };
}

describe('sending a replay', () => {
  it('waits until an event is due, after what came before it is durable', async () => {
    const clock = sleepingClock();
    const sent: [number, number][] = [];
    const sink = memorySink(({ position }) => void sent.push([clock.nowMs(), position]));
    const done = await sendReplay(options({ sink, clock, pace: steadyPace(10), limit: 4 }));
    expect(sent).toEqual([
      [0, 0],
      [100, 1],
      [200, 2],
      [300, 3],
    ]);
    expect(done).toMatchObject({ events: 4, bytes: 8, datasets: { orders: 4 }, paceMs: 300 });
  });

  it('counts the same without waiting in a dry run', async () => {
    const clock = sleepingClock();
    const pace: Pace = ({ position }) => position * 86_400_000;
    const odd = {
      ...everything,
      selects: async (events: readonly ReplayEvent[]) => events.map(({ position }) => position % 2 === 1),
    };
    const dry = await sendReplay(options({ clock, pace, selection: odd }));
    expect(clock.sleeps).toEqual([]);
    const real = await sendReplay(options({ sink: memorySink(), pace, selection: odd }));
    expect(dry).toEqual(real);
    expect(dry).toMatchObject({ events: 5, paceMs: 9 * 86_400_000 });
  });

  it('stopped at any event, has told of exactly what is durable, and goes on behind it', async () => {
    for (let stopAt = 0; stopAt < 10; stopAt++) {
      const controller = new AbortController();
      const sink = memorySink(({ position }) => position === stopAt && controller.abort());
      let told: ReplayStand = fresh;
      const onDurable = async (stand: ReplayStand): Promise<void> => {
        told = { ...stand, next: new Map(stand.next), datasets: { ...stand.datasets } };
        expect(sink.durable).toHaveLength(stand.events);
      };
      const stopped = sendReplay(options({ sink, onDurable, signal: controller.signal }));
      await expect(stopped).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
      expect(told.events).toBe(stopAt + 1);
      const rest = memorySink();
      const done = await sendReplay(options({ sink: rest, start: told }));
      expect([...sink.durable, ...rest.durable]).toEqual(ten.map(({ position }) => position));
      expect(done).toMatchObject({ events: 10, bytes: 20, datasets: { orders: 10 } });
    }
  });

  it('counts events of an earlier run into the limit', async () => {
    const sink = memorySink();
    const start = { events: 3, bytes: 6, datasets: { orders: 3 }, next: new Map([['events/0', 3]]) };
    expect(await sendReplay(options({ sink, start, limit: 5 }))).toMatchObject({ events: 5, bytes: 10 });
    expect(sink.durable).toEqual([3, 4]);
  });

  it('passes on what the sink fails with', async () => {
    const sink = { ...memorySink(), flush: async () => Promise.reject(new Error('disk full')) };
    await expect(sendReplay(options({ sink }))).rejects.toThrow('disk full');
  });
});
