/** Certificates are renewed while a server runs: looks at their files now and then, and hands on the new ones once they fit together. */
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import { readDoorTls, type DoorTls, type TlsConfig } from './door-tls.js';

export interface WatchTlsOptions {
  readonly tls: TlsConfig;
  /** What is in use. */
  readonly current: DoorTls;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onRenewed: (tls: DoorTls) => void;
  /** The files have changed and do not work; the old certificate stays in use. Told once for each problem. */
  readonly onProblem: (message: string) => void;
}

const isSame = (a: DoorTls, b: DoorTls): boolean =>
  a.cert.equals(b.cert) && a.key.equals(b.key) && (a.ca && b.ca ? a.ca.equals(b.ca) : a.ca === b.ca);

/** Resolves when the signal is aborted. */
export async function watchTls(options: WatchTlsOptions): Promise<void> {
  const { tls, clock, signal } = options;
  let { current } = options;
  let told: string | null = null;
  for (;;) {
    await clock.sleep(options.everyMs, signal);
    if (signal.aborted) return;
    try {
      const found = await readDoorTls(tls, clock.nowMs());
      told = null;
      if (found === null || isSame(found, current)) continue;
      current = found;
      options.onRenewed(found);
    } catch (error) {
      // Two files are never replaced in one moment: the next look may find them together.
      const message = messageOf(error);
      if (message !== told) options.onProblem(message);
      told = message;
    }
  }
}
