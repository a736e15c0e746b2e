/** How `lag publish` tells a person what it did. */
import type { LagPublication } from '../../core/lag/publish-lag.js';
import { counted } from '../counted.js';

/** `2026-11-21T20:01:00.004Z  orders, lakehouse-writers: 120 events, 3.2 s behind; 21 points`. */
export function publicationText(publication: LagPublication): string {
  if (publication.kind === 'waiting') {
    const { error, since } = publication;
    return `nothing is published since ${since}: ${error.message}`;
  }
  const { at, topic, group, total, points, gap, incidents } = publication;
  const lag = `${counted(total.consumerLag, 'event')}, ${total.timeLagSeconds.toFixed(1)} s behind`;
  const missing = gap === null ? '' : `; ${gap.missed} missing since ${gap.since}`;
  const wrong = incidents.map(({ message }) => `; ${message}`).join('');
  return `${at}  ${topic}, ${group}: ${lag}; ${points} points${missing}${wrong}`;
}
