/** A real terminal for tests: a tmux server of the test's own, killed at its end. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const run = promisify(execFile);

/** False where tmux is not installed: tests of a terminal are skipped then. */
export const hasTmux = (): boolean => {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

export interface Terminal {
  /** Types text; `enter` ends the line. */
  type(text: string, enter?: boolean): Promise<void>;
  /** tmux's name of a key: C-c, Escape, Down. */
  press(key: string): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** What is on the screen, without empty lines at its end. */
  screen(): Promise<string>;
  /** With colours and other attributes as escape sequences. */
  styledScreen(): Promise<string>;
  /** tmux's format, e.g. `#{alternate_on}`. */
  ask(format: string): Promise<string>;
  /** Waits until the screen holds what is asked for; the screen. */
  until(holds: (screen: string) => boolean): Promise<string>;
}

let terminals = 0;

/** A shell in `cwd` on a terminal of that size; its prompt is `$ `. */
export async function openTerminal(options: {
  readonly cwd: string;
  readonly columns: number;
  readonly rows: number;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<Terminal> {
  const { cwd, columns, rows, env = {} } = options;
  const server = `keystone-test-${process.pid}-${(terminals += 1)}`;
  const tmux = async (...args: string[]): Promise<string> => (await run('tmux', ['-L', server, ...args])).stdout;
  onTestFinished(async () => {
    await tmux('kill-server').catch(() => undefined);
  });
  const clean = ['NO_COLOR', 'FORCE_COLOR', 'NODE_ENV'].flatMap((name) => ['-u', name]);
  const settings = Object.entries({ PS1: '$ ', LC_ALL: 'C.UTF-8', ...env }).map(([name, value]) => `${name}='${value}'`);
  const shell = ['env', ...clean, ...settings, 'bash --norc --noprofile'].join(' ');
  await tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', cwd, '-s', 't', shell);
  const screen = async (): Promise<string> => (await tmux('capture-pane', '-p', '-t', 't')).trimEnd();
  const terminal: Terminal = {
    type: async (text, enter = false) => {
      await tmux('send-keys', '-t', 't', '-l', text);
      if (enter) await tmux('send-keys', '-t', 't', 'Enter');
    },
    press: async (key) => void (await tmux('send-keys', '-t', 't', key)),
    resize: async (width, height) => void (await tmux('resize-window', '-t', 't', '-x', String(width), '-y', String(height))),
    screen,
    styledScreen: () => tmux('capture-pane', '-p', '-e', '-t', 't'),
    ask: async (format) => (await tmux('display', '-p', '-t', 't', format)).trim(),
    until: async (holds) => {
      let seen = '';
      for (let tries = 0; tries < 300; tries += 1) {
        seen = await screen();
        if (holds(seen)) return seen;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`The terminal never showed it. It shows:\n${seen}`);
    },
  };
  await terminal.until((text) => text.includes('$'));
  return terminal;
}
