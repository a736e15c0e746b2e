import { describe, expect, it } from 'vitest';
import { runCli, startCli } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';

/** Resolves once the text holds what is waited for. */
async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(holds()).toBe(true);
}

describe('stopping', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s lets a serving command drain and end well', async (name) => {
    const cwd = await tempDir();
    await runCli(['init'], { cwd });
    const server = startCli(['ingest', 'serve', '--port', '0'], { cwd });
    await until(() => server.stderr().includes('Listening') || server.stdout().includes('Listening'));
    server.child.kill(name);
    const { code, stderr } = await server.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('Stopping');
  });
});
