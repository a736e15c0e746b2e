import { describe, expect, it } from 'vitest';
import { progressLine, progressReporter } from '../../src/cli/progress-reporter.js';

function sink(terminal: boolean) {
  const written: string[] = [];
  const clock = { nowMs: 10_000 };
  const reporter = progressReporter({
    write: (text) => written.push(text),
    terminal,
    widthColumns: 80,
    nowMs: () => clock.nowMs,
  });
  return { written, clock, reporter };
}

describe('progressReporter', () => {
  it('prints no line for short work and one JSON line every five seconds for long work', () => {
    const { written, clock, reporter } = sink(false);
    for (let second = 0; second <= 11; second += 1) {
      reporter.report({ phase: 'orders.csv', done: second * 1000, total: 20_000, unit: 'rows' });
      clock.nowMs += 1000;
    }
    expect(written.map((line) => (JSON.parse(line) as { progress: { done: number } }).progress.done)).toEqual([5000, 10_000]);
  });

  it('redraws one line on a terminal and wipes it before other text', () => {
    const { written, clock, reporter } = sink(true);
    reporter.report({ phase: 'commit', done: 1, unit: 'tables' });
    reporter.report({ phase: 'commit', done: 2, unit: 'tables' });
    clock.nowMs += 200;
    reporter.report({ phase: 'commit', done: 3, unit: 'tables' });
    reporter.clear();
    reporter.clear();
    expect(written).toHaveLength(3);
    expect(written[1]).toContain('3 tables');
    expect(written[2]).toBe('\r\u001B[2K');
  });

  it('reckons the rate from where the phase began', () => {
    const { written, clock, reporter } = sink(true);
    reporter.report({ phase: 'topic', done: 10_000, total: 20_000, unit: 'events' });
    clock.nowMs += 2000;
    reporter.report({ phase: 'topic', done: 11_000, total: 20_000, unit: 'events' });
    expect(written[0]).not.toContain('/s');
    expect(written[1]).toContain('(55 %), 500 events/s');
  });

  it('shows share and rate', () => {
    expect(progressLine({ phase: 'orders.csv', done: 42_000, total: 99_441, unit: 'rows' }, 2000)).toBe(
      'orders.csv  ████████░░░░░░░░░░░░  42,000 of 99,441 rows (42 %), 21,000 rows/s',
    );
  });
});
