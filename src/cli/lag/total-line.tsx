/** The whole topic in one line. */
import { Text } from 'ink';
import type { ReactNode } from 'react';
import type { LagSample } from '../../core/lag/watch-lag.js';
import { drainText, durationText, rateText, wholeText } from './amount-text.js';
import type { WatchLook } from './watch-screen.js';

/** `1,234 events behind, 12 s   in 50/s  out 80/s   drained in 41 s`. */
function totalText({ total, incidents }: LagSample): string {
  const rates = total.inPerSecond === null ? '' : `   in ${rateText(total.inPerSecond)}/s  out ${rateText(total.outPerSecond)}/s`;
  const { kind } = total.drain;
  if (total.lagEvents === 0) return `${incidents.length > 0 ? 'no lag' : 'caught up'}${rates}`;
  const drain = kind === 'draining' ? `   drained in ${drainText(total.drain)}` : kind === 'unknown' ? '' : `   ${kind}`;
  return `${wholeText(total.lagEvents)} events, ${durationText(total.lagSeconds)} behind${rates}${drain}`;
}

export function TotalLine({ sample, look }: { readonly sample: LagSample | null; readonly look: WatchLook }): ReactNode {
  if (sample === null) return <Text>Measuring.</Text>;
  const bad = sample.total.drain.kind === 'stalled' || sample.total.drain.kind === 'growing';
  return (
    <Text wrap="truncate" {...(look.colour ? { color: bad ? 'yellow' : 'green' } : {})}>
      {totalText(sample)}
    </Text>
  );
}
