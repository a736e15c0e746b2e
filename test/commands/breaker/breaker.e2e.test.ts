import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBuilt, runCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

const SETTINGS = `profiles:
  local:
    store: { adapter: s3, s3: { bucket: nowhere, endpoint: 'http://127.0.0.1:1', region: r } }
`;

describe.skipIf(!isBuilt())('breaker commands (need npm run build)', () => {
  it('trip a breaker for all processes, say who and why, and reset it', { timeout: 300_000 }, async () => {
    const cwd = await smallProject(0);
    await appendFile(path.join(cwd, 'keystone.yaml'), SETTINGS);
    const json = async (...args: readonly string[]) => {
      const { code, stdout } = await runCli([...args, '--json'], { cwd });
      return { code, ...(JSON.parse(stdout) as Record<'result' | 'error' | 'degradation', Record<string, unknown>>) };
    };
    const dry = await json('breaker', 'trip', 'store', '--dry-run');
    expect(dry).toMatchObject({ result: { changed: false, from: 'closed', to: 'open' }, degradation: { level: 'full' } });
    const tripped = await json('breaker', 'trip', 'store', '--reason', 'moving');
    expect(tripped).toMatchObject({
      code: 0,
      result: { changed: true, level: 'buffer-only' },
      degradation: { level: 'buffer-only', mode: 'automatic', causes: ['store was tripped by hand'] },
    });
    const refused = await json('table', 'list');
    expect(refused).toMatchObject({ code: 5, error: { code: 'KS_CIRCUIT_OPEN' }, degradation: { level: 'buffer-only' } });
    expect(await json('breaker', 'show', 'store')).toMatchObject({
      result: {
        state: 'open',
        cause: 'tripped',
        nextProbe: null,
        history: [{ from: 'closed', to: 'open', by: expect.stringContaining('@') as string, reason: 'moving' }],
      },
    });
    expect(await json('breaker', 'reset', 'store')).toMatchObject({ result: { changed: true, level: 'full' } });
    const listed = await runCli(['breaker', 'list'], { cwd });
    expect(listed.stdout).toMatch(/^log +embedded +none/m);
    expect(listed.stdout).toMatch(/^store +s3 +closed/m);
    expect(await json('breaker', 'trip', 'log')).toMatchObject({ code: 2, error: { code: 'KS_USAGE' } });
    expect(await json('breaker', 'show', 'stor')).toMatchObject({
      code: 2,
      error: { code: 'KS_NOT_FOUND', hint: expect.stringContaining('did you mean store') as string },
    });
  });
});
