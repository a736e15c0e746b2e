import { cleanup, render } from 'ink-testing-library';
import { createElement } from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WatchScreen } from '../../../src/cli/lag/watch-screen.js';
import type { LagSample } from '../../../src/core/lag/watch-lag.js';
import { behind, lagSample, partition } from './lag-sample.js';

afterEach(cleanup);

/** Long enough for most renderings; what has to be seen is waited for. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));
const PATIENCE = { timeout: 10_000, interval: 10 };

/** A screen 100 columns wide, without colours, that has seen `first`. */
async function screen(first: LagSample) {
  let show: (sample: LagSample) => void = () => undefined;
  const quit = vi.fn<() => void>();
  const feed = (listener: (sample: LagSample) => void): (() => void) => {
    show = listener;
    listener(first);
    return () => undefined;
  };
  const look = { colour: false, unicode: true };
  const { stdin, lastFrame } = render(createElement(WatchScreen, { feed, intervalMs: 1000, look, onQuit: quit }));
  const lines = (): readonly string[] => (lastFrame() ?? '').split('\n').map((line) => line.trimEnd());
  await vi.waitFor(() => expect(lines()[0]).toContain('lag watch'), PATIENCE);
  return {
    quit,
    lines,
    /** Waits for the screen on which the expectations hold. */
    seen: (expectations: (lines: readonly string[]) => void) => vi.waitFor(() => expectations(lines()), PATIENCE),
    show: async (sample: LagSample) => {
      show(sample);
      await turn();
    },
    type: async (keys: string) => {
      stdin.write(keys);
      await turn();
    },
  };
}

describe('the watch on a terminal', () => {
  const first = lagSample(1, [behind(0, 400), partition(1), behind(2, 40)]);

  it('shows topic, total, a line for each partition and the keys', async () => {
    const { lines, show, seen } = await screen(first);
    await show(lagSample(2, [behind(0, 200), partition(1), behind(2, 40)]));
    await seen(([, total]) => expect(total).toContain('240 events'));
    expect(lines().slice(0, 7)).toMatchInlineSnapshot(`
      [
        "lag watch  orders-topic  group writers                                       03:04:02 UTC, every 1 s",
        "240 events, 12 s behind   in 5.0/s  out 25.0/s   drained in 30 s",
        "",
        "▲PART            END           LAKE          LAG    BEHIND     IN/S    OUT/S     DRAIN  HISTORY",
        "    0          1,000            800          200      12 s      5.0     25.0      10 s            █▄",
        "    1          1,001          1,001            0       0 s        0        0         -",
        "    2          1,002            962           40      12 s      5.0     25.0     2.0 s            ██",
      ]
    `);
    expect(lines().find((line) => line.startsWith('q quit'))).toContain('? help');
  });

  it('sorts, filters and quits by keys, also when several come at once', async () => {
    const { type, quit, seen } = await screen(first);
    await type('sss');
    await seen((lines) => {
      expect(lines[3]).toContain('▼LAG');
      expect(lines[4]).toMatch(/^ +0 /);
      expect(lines[5]).toMatch(/^ +2 /);
    });
    await type('l');
    await seen((lines) => {
      expect(lines.some((line) => /^ +1 /.test(line))).toBe(false);
      expect(lines.at(-1)).toContain('2 of 3 partitions (with lag)');
    });
    await type('/');
    await seen((lines) => expect(lines.at(-1)).toContain('/_'));
    await type('7');
    await seen((lines) => {
      expect(lines.at(-1)).toContain('/7_');
      expect(lines[4]).toContain('No partition passes the filter');
    });
    await type('\u001B');
    await seen((lines) => expect(lines[4]).toMatch(/^ +0 /));
    expect(quit).not.toHaveBeenCalled();
    await type('q');
    await vi.waitFor(() => expect(quit).toHaveBeenCalledTimes(1), PATIENCE);
  });

  it('stands still while paused and says how many samples came', async () => {
    const { type, show, seen } = await screen(first);
    await type('p');
    await seen(([heading]) => expect(heading).toContain('PAUSED'));
    await show(lagSample(2, [behind(0, 7)]));
    await seen((lines) => {
      expect(lines[0]).toContain('PAUSED, 1 samples since');
      expect(lines.join('\n')).toContain('400');
    });
    await type('p');
    await seen((lines) => {
      expect(lines[0]).not.toContain('PAUSED');
      expect(lines.join('\n')).not.toContain('400');
    });
  });

  it('shows an error beside the last numbers, marked stale, and incidents', async () => {
    const { show, seen } = await screen(first);
    const failed = { code: 'KS_LOG', message: 'the log is away' };
    const incidents = [{ kind: 'truncated', partition: 2, message: 'partition 2: 5 events expired' }] as const;
    await show(lagSample(9, first.partitions, { stale: true, error: failed, measuredAt: first.at, incidents }));
    await seen((lines) => {
      expect(lines[0]).toContain('STALE for 8.0 s');
      expect(lines[1]).toBe('KS_LOG: the log is away');
      expect(lines.at(-2)).toBe('! 03:04:09  partition 2: 5 events expired');
    });
    await show(lagSample(10, first.partitions));
    await seen(([heading]) => expect(heading).not.toContain('STALE'));
  });

  it('explains itself, and says how many partitions are below the last line', async () => {
    const { type, seen } = await screen(
      lagSample(
        1,
        Array.from({ length: 64 }, (_, n) => behind(n, n + 1)),
      ),
    );
    await seen((lines) => expect(lines.join('\n')).toContain('1-17 of 64'));
    await type('G');
    await seen((lines) => {
      expect(lines.join('\n')).toContain('of 64');
      expect(lines.some((line) => /^ +63 /.test(line))).toBe(true);
    });
    await type('?');
    await seen((lines) => expect(lines.join('\n')).toContain('time until caught up'));
    await type('x');
    await seen(([heading]) => expect(heading).toContain('lag watch'));
  });
});
