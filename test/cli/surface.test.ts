import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Config, settings } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { commandSurface } from '../../src/cli/command-surface.js';

describe('the public surface', () => {
  it('has the commands, arguments and flags of the committed snapshot (npm run test:surface writes it)', async () => {
    settings.enableAutoTranspile = false;
    const config = await Config.load({
      root: fileURLToPath(new URL('../..', import.meta.url)),
      devPlugins: false,
      userPlugins: false,
    });
    const pinned = JSON.parse(await readFile(new URL('surface.json', import.meta.url), 'utf8')) as unknown;
    expect(commandSurface(config)).toEqual(pinned);
  });

  it('offers every command --json, and every command that lists the same list flags', async () => {
    const { globalFlags, commands } = JSON.parse(await readFile(new URL('surface.json', import.meta.url), 'utf8')) as ReturnType<
      typeof commandSurface
    >;
    expect(globalFlags).toContain('--json');
    const listing = commands.filter(({ flags }) => flags.some((flag) => flag.startsWith('--sort ')));
    expect(listing.length).toBeGreaterThan(3);
    for (const { flags } of listing)
      for (const name of ['--columns', '--filter', '--limit']) expect(flags.some((flag) => flag.startsWith(name))).toBe(true);
  });
});
