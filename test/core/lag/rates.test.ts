import { describe, expect, it } from 'vitest';
import { ratesOf, withPoint, type OffsetPoint } from '../../../src/core/lag/rates.js';

const point = (seconds: number, endOffset: number, lakeOffset: number): OffsetPoint => ({
  atMs: 1_000_000 + seconds * 1000,
  endOffset,
  lakeOffset,
});
const follow = (points: readonly OffsetPoint[], windowMs = 30_000): readonly OffsetPoint[] =>
  points.reduce<readonly OffsetPoint[]>((followed, next) => withPoint(followed, next, windowMs), []);

describe('rates', () => {
  it('are events per second between the oldest and the newest point', () => {
    expect(ratesOf(follow([point(0, 100, 50), point(2, 110, 50), point(4, 140, 90)]))).toEqual({
      inPerSecond: 10,
      outPerSecond: 10,
      spanSeconds: 4,
    });
  });

  it('are unknown until there are two points', () => {
    expect(ratesOf([])).toBeNull();
    expect(ratesOf(follow([point(0, 5, 5)]))).toBeNull();
  });

  it('forget what the window has left: a burst of a minute ago is no rate of now', () => {
    const followed = follow([point(0, 0, 0), point(10, 1000, 0), point(40, 1000, 300), point(50, 1000, 400)]);
    expect(followed.map(({ atMs }) => atMs)).toEqual([1_040_000, 1_050_000]);
    expect(ratesOf(followed)).toEqual({ inPerSecond: 0, outPerSecond: 10, spanSeconds: 10 });
  });

  it.each([
    ['the log’s end fell', point(3, 4, 5)],
    ['the lake fell', point(3, 20, 2)],
    ['the clock went back', point(-3, 20, 20)],
    ['the clock stood still', point(1, 20, 20)],
  ])('begin anew when %s', (_, next) => {
    expect(follow([point(0, 10, 5), point(1, 12, 5), next])).toEqual([next]);
  });
});
