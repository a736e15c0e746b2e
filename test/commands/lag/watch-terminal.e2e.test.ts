/** The watch in a real terminal (tmux): what no rendered frame can show. */
import { describe, expect, it } from 'vitest';
import { readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { appendEvents, smallProject } from '../../support/small-project.js';
import { hasTmux, openTerminal, type Terminal } from '../../support/terminal.js';

const BIN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const WATCH = `${process.execPath} ${BIN} lag watch --interval 200ms`;

/** A terminal with something above the prompt and a watch that draws; its process id is in `watch.pid`. */
async function watching(env: Readonly<Record<string, string>> = {}, flags = ''): Promise<{ terminal: Terminal; cwd: string }> {
  const cwd = await smallProject(9);
  const terminal = await openTerminal({ cwd, columns: 120, rows: 24, env });
  await terminal.type('seq 100 160; echo what was before', true);
  await terminal.until((screen) => screen.includes('\nwhat was before'));
  await terminal.type(`sh -c 'echo $$ > watch.pid; exec ${WATCH} ${flags}'; echo "code $?"`, true);
  await terminal.until((screen) => screen.includes('9 events'));
  return { terminal, cwd };
}

const pidIn = async (cwd: string): Promise<number> => Number(await readFile(path.join(cwd, 'watch.pid'), 'utf8'));

/** The screen of before is back, with its scrollback, its cursor and a prompt that works. */
async function restored(terminal: Terminal, code: number): Promise<void> {
  const screen = await terminal.until((text) => text.includes(`code ${code}`));
  expect(screen).toContain('what was before');
  expect(screen).not.toContain('q quit');
  expect(await terminal.ask('#{alternate_on} #{cursor_flag}')).toBe('0 1');
  expect(Number(await terminal.ask('#{history_size}'))).toBeGreaterThan(30);
  await terminal.type('echo typed and seen', true);
  await terminal.until((text) => text.includes('\ntyped and seen'));
}

const real = hasTmux() ? describe : describe.skip;

real('lag watch in a real terminal (skipped where tmux is not installed)', () => {
  it('draws, follows keys and new sizes, and q gives the screen back', async () => {
    const { terminal, cwd } = await watching();
    expect(await terminal.ask('#{alternate_on}')).toBe('1');
    expect(await terminal.screen()).not.toContain('what was before');
    await terminal.type('ssss');
    await terminal.until((screen) => screen.includes('▼LAG'));
    await appendEvents(cwd, 3);
    await terminal.until((screen) => screen.includes('12 events'));
    await terminal.resize(60, 12);
    const narrow = await terminal.until((screen) => screen.includes('DRAIN') && !screen.includes('COMMITTED'));
    expect(narrow.split('\n').filter((line) => line.startsWith('lag watch'))).toHaveLength(1);
    await terminal.resize(140, 30);
    const wide = await terminal.until((screen) => screen.includes('COMMITTED') && screen.includes('LAG OVER TIME'));
    expect(wide.split('\n').filter((line) => line.includes('PART'))).toHaveLength(1);
    await terminal.type('?');
    await terminal.until((screen) => screen.includes('any key'));
    await terminal.type('x');
    await terminal.until((screen) => screen.includes('q quit'));
    await terminal.type('q');
    await restored(terminal, 0);
  });

  it('gives the screen back on Ctrl-C', async () => {
    const { terminal } = await watching();
    await terminal.press('C-c');
    await restored(terminal, 0);
  });

  it('gives the screen back on SIGTERM', async () => {
    const { terminal, cwd } = await watching();
    process.kill(await pidIn(cwd), 'SIGTERM');
    await restored(terminal, 0);
  });

  it('shows the error and keeps the last numbers while the log is away, and stops after --count', async () => {
    const { terminal, cwd } = await watching({ NO_COLOR: '1' }, '--count 12');
    await rename(path.join(cwd, '.keystone', 'log.db'), path.join(cwd, 'log.away'));
    const screen = await terminal.until((text) => text.includes('STALE'));
    expect(screen).toContain('KS_NOT_FOUND');
    expect(screen).toContain('9 events');
    // eslint-disable-next-line no-control-regex
    expect(await terminal.styledScreen()).not.toMatch(/\u001B\[/);
    await restored(terminal, 0);
  });
});
