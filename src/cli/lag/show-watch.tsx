/** Runs the watch's screen in the terminal and gives the terminal back as it was. Loaded by `lag watch` alone: ink takes 0.3 s. */
import { render } from 'ink';
import type { LagSample } from '../../core/lag/watch-lag.js';
import { enterAlternateScreen } from './alternate-screen.js';
import { WatchScreen, type WatchLook } from './watch-screen.js';

export interface WatchShow {
  readonly samples: AsyncIterable<LagSample>;
  readonly intervalMs: number;
  readonly look: WatchLook;
  /** Aborted when the watch is to end, from outside or by the person at the keys. */
  readonly stop: AbortController;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

/**
 * Resolves with the last sample (undefined: it was stopped before one came) once the screen is left. What the first sample throws
 * is thrown before the screen is taken.
 */
export async function showWatch({ samples, intervalMs, look, stop, stdin, stdout }: WatchShow): Promise<LagSample | undefined> {
  const iterator = samples[Symbol.asyncIterator]();
  const stopped = new Promise<undefined>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  // A measurement that hangs must not keep the person in the screen.
  const next = async (): Promise<LagSample | undefined> => {
    const result = await Promise.race([iterator.next(), stopped]);
    return result === undefined || result.done === true ? undefined : result.value;
  };
  let last = await next();
  if (!last) return undefined;
  let show: (sample: LagSample) => void = () => undefined;
  let latest = last;
  const feed = (listener: (sample: LagSample) => void): (() => void) => {
    show = listener;
    show(latest);
    return () => {
      show = () => undefined;
    };
  };
  const leave = enterAlternateScreen(stdout);
  // Before ink's own listener: it draws over what lines of the old width have wrapped into.
  const wipe = (): void => void stdout.write('\u001B[2J\u001B[H');
  stdout.on('resize', wipe);
  try {
    const app = render(<WatchScreen feed={feed} intervalMs={intervalMs} look={look} onQuit={() => stop.abort()} />, {
      stdout: keepingScrollback(stdout),
      stdin,
      exitOnCtrlC: false,
      patchConsole: false,
    });
    const ended = app.waitUntilExit();
    // A screen that cannot be drawn ends the watch; the error is thrown below.
    ended.catch(() => stop.abort());
    try {
      for (;;) {
        last = await next();
        if (!last) break;
        latest = last;
        show(latest);
      }
    } finally {
      app.unmount();
    }
    await ended;
    return latest;
  } finally {
    stdout.off('resize', wipe);
    leave();
  }
}

/** Ink clears the terminal, scrollback and all, when a screen became too high for it: the scrollback is the person's. */
function keepingScrollback(stdout: NodeJS.WriteStream): NodeJS.WriteStream {
  // Ink's end waits for the callback of an empty write.
  const write = (text: string, ...rest: [(() => void)?]): boolean => stdout.write(text.replaceAll('\u001B[3J', ''), ...rest);
  return new Proxy(stdout, {
    get: (target, name) => {
      if (name === 'write') return write;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
