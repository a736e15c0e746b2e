import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { describeSettings } from '../src/core/config/describe-settings.js';
import { describeErrors } from '../src/core/describe-errors.js';
import { describeMetrics } from '../src/core/metrics/describe-metrics.js';

const page = (name: string): Promise<string> => readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8');

describe('docs (npm run docs writes these pages)', () => {
  it('configuration.md lists every setting as the schema has it', async () => {
    expect(await page('configuration.md')).toBe(describeSettings());
  });

  it('metrics.md lists every instrument as the table has it', async () => {
    expect(await page('metrics.md')).toBe(describeMetrics());
  });

  it('errors.md lists every error code as the table has it', async () => {
    expect(await page('errors.md')).toBe(describeErrors());
  });
});
