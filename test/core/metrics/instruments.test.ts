import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { INSTRUMENTS, type Instrument } from '../../../src/core/metrics/instruments.js';

const KINDS: Readonly<Record<string, Instrument['kind']>> = { count: 'counter', gauge: 'gauge', observe: 'histogram' };

/** What `src/core` counts under a written name, with the kind it is used as; a table of names that goes to one call has no kind. */
async function usedNames(): Promise<readonly { readonly name: string; readonly kind: Instrument['kind'] | null }[]> {
  const folder = path.resolve('src/core');
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('instruments.ts'),
  );
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  return texts.flatMap((text) => [
    ...Array.from(text.matchAll(/\b(?:metrics|window)\??\.(count|gauge|observe)\(\s*'(\w+)'/g), ([, method = '', name = '']) => ({
      name,
      kind: KINDS[method] ?? null,
    })),
    ...Array.from(text.matchAll(/\[\s*'(keystone_\w+)',/g), ([, name = '']) => ({ name, kind: null })),
  ]);
}

describe('INSTRUMENTS', () => {
  it('has every name that core counts under, as the kind that it is used as', async () => {
    const used = await usedNames();
    expect(used.length).toBeGreaterThan(10);
    const known: Readonly<Record<string, Instrument>> = INSTRUMENTS;
    expect(used.filter(({ name, kind }) => known[name] === undefined || (kind !== null && known[name].kind !== kind))).toEqual(
      [],
    );
  });

  it('has no name that nobody counts under', async () => {
    const used = new Set((await usedNames()).map(({ name }) => name));
    expect(Object.keys(INSTRUMENTS).filter((name) => !used.has(name))).toEqual([]);
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
