import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { INSTRUMENTS, type Instrument } from '../../../src/core/metrics/instruments.js';

const KINDS: Readonly<Record<string, Instrument['kind']>> = { count: 'counter', gauge: 'gauge', observe: 'histogram' };

describe('INSTRUMENTS', () => {
  it('has every name that core counts under, as the kind that it is used as', async () => {
    const folder = path.resolve('src/core');
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.ts'));
    const used: [string, string][] = [];
    for (const file of files) {
      const text = await readFile(path.join(folder, file), 'utf8');
      for (const [, method = '', name = ''] of text.matchAll(/\b(?:metrics|window)\??\.(count|gauge|observe)\(\s*'(\w+)'/g)) {
        used.push([name, KINDS[method] ?? '']);
      }
    }
    expect(used.length).toBeGreaterThan(10);
    const known: Readonly<Record<string, Instrument>> = INSTRUMENTS;
    expect(used.filter(([name, kind]) => known[name]?.kind !== kind)).toEqual([]);
  });

  it('names counters, units and CloudWatch series by the conventions', () => {
    const all = Object.entries<Instrument>(INSTRUMENTS);
    for (const [name, { kind, unit }] of all) {
      expect(name).toMatch(/^keystone_[a-z_]+$/);
      if (kind === 'counter') expect(name).toMatch(/_total$/);
      if (kind === 'histogram') expect(unit).toBe('seconds');
      if (unit === 'seconds') expect(name).toMatch(/_seconds$/);
      if (unit === 'bytes') expect(name).toMatch(/_bytes(_total)?$/);
    }
    expect(new Set(all.map(([, { cloudwatch }]) => cloudwatch)).size).toBe(all.length);
  });
});
