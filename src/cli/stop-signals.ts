/**
 * SIGINT and SIGTERM as an AbortSignal. The first one asks the command to stop in good order, the second ends the process at
 * once. A command that never takes it is ended by the first, as any program is. 128 + the signal's number is the exit code (130, 143).
 */

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;
type StopName = keyof typeof NUMBERS;

export interface StopSignals {
  readonly signal: AbortSignal;
  /** 130 or 143 once asked to stop, undefined before. */
  exitCode(): number | undefined;
  dispose(): void;
}

export function listenForStop(say: (text: string) => void): StopSignals {
  const controller = new AbortController();
  let received: StopName | undefined;
  const onSignal = (name: StopName): void => {
    if (received !== undefined) process.exit(128 + NUMBERS[name]);
    received = name;
    say(name === 'SIGINT' ? 'Stopping; press Ctrl-C again to stop at once.' : 'Stopping.');
    controller.abort(new DOMException(`Stopped by ${name}`, 'AbortError'));
  };
  const names = Object.keys(NUMBERS) as StopName[];
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    exitCode: () => (received === undefined ? undefined : 128 + NUMBERS[received]),
    dispose: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
