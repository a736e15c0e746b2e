import { describe, expect, it } from 'vitest';
import { LAST_LOG_TIME_US } from '../../../src/core/log/log-time.js';
import { dataFileKey } from '../../../src/core/table/data-path.js';

const keyOf = (transform: 'year' | 'month' | 'day' | 'hour', value: number): string =>
  dataFileKey('bronze.events', [{ column: 'log_time', transform }], { [`log_time_${transform}`]: value }, 'f.parquet');

describe('the folder of a data file', () => {
  it('has the date up to the last log time', () => {
    expect(keyOf('day', 0)).toBe('bronze/events/data/year=1970/month=01/day=01/f.parquet');
    expect(keyOf('day', Math.floor(LAST_LOG_TIME_US / 86_400_000_000))).toBe(
      'bronze/events/data/year=2255/month=06/day=05/f.parquet',
    );
    expect(keyOf('hour', Math.floor(LAST_LOG_TIME_US / 3_600_000_000))).toBe(
      'bronze/events/data/year=2255/month=06/day=05/hour=23/f.parquet',
    );
  });

  it('has the ordinal where ISO 8601 has no year of four digits', () => {
    expect(keyOf('year', 8029)).toBe('bronze/events/data/year=9999/f.parquet');
    expect(keyOf('year', 8030)).toBe('bronze/events/data/log_time_year=8030/f.parquet');
    expect(keyOf('year', -1970)).toBe('bronze/events/data/year=0000/f.parquet');
    expect(keyOf('year', -1971)).toBe('bronze/events/data/log_time_year=-1971/f.parquet');
    // Beyond Date: microseconds that were taken for milliseconds, and further.
    for (const transform of ['year', 'month', 'day', 'hour'] as const) {
      for (const value of [2 ** 31 - 1, -(2 ** 31)])
        expect(keyOf(transform, value)).toContain(`/log_time_${transform}=${value}/`);
    }
  });
});
