/** docs/design.md is followed by newcomers: every file that it names is there. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));

test('every file that the design page names exists', async () => {
  const files = (await readdir(`${root}src`, { recursive: true })).map((name) => `/${name.replaceAll('\\', '/')}`);
  const page = await readFile(`${root}docs/design.md`, 'utf8');
  const named = [...page.matchAll(/`([\w/.-]+\.(?:ts|sql|proto))`/g)].map(([, name]) => name ?? '');
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((name) => !files.some((file) => file.endsWith(`/${name}`)))).toEqual([]);
});
