/** Why there is no such event, and what to do next. */
import { isKeystoneError, KeystoneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
import type { OffsetHole, TableState } from '../table/table-api.js';
import type { LogView } from './log-search.js';
import { type LogPlace, placeText, type TraceTarget } from './trace-target.js';

export interface FruitlessSearch {
  readonly target: TraceTarget;
  readonly view: LogView;
  /** null: nothing was ever landed. */
  readonly bronze: TableState | null;
  /** Datasets in which it is, though not in the one that was asked for. */
  readonly datasets: readonly string[];
  readonly notSearched: number;
  /** Parts of the spool that could not be searched, and why. */
  readonly problems: readonly string[];
}

/** KS_NOT_FOUND. */
export function nothingFound(search: FruitlessSearch): KeystoneError {
  const { target, view, datasets, notSearched, problems } = search;
  const what = target.kind === 'key' ? `the key "${target.text}"` : `"${target.reference}"`;
  if (target.dataset !== null && datasets.length > 0) {
    const others = [...new Set(datasets)].join(', ');
    return notFound(`${what} has no event in ${target.dataset}; it has in ${others}`, `repeat it with --dataset ${datasets[0]}`);
  }
  const unseen = problems.map((problem) => `; not searched: ${problem}`).join('');
  if (view.away) return logAway(view.away, `neither the lake nor the spool of this machine has ${what}${unseen}`);
  if (target.kind === 'event' && target.place) {
    const reason = placeProblem(search, target.place);
    if (reason) return reason;
  }
  if (notSearched > 0) {
    return notFound(
      `${what} is not in the lake, nor among the waiting events that were looked through; ${notSearched} more wait in the log${unseen}`,
      'keystone consume run --until-caught-up, then trace again; or add --deep to search all that waits',
    );
  }
  const where = search.bronze === null ? 'neither the log nor the lake (nothing was landed yet)' : 'neither the lake nor the log';
  if (target.kind === 'key') {
    return notFound(
      `${where} has events under ${what}${unseen}`,
      'keystone contract list shows the key of each dataset: keystone trace --key order_id=…',
    );
  }
  return notFound(
    `${where} has an event ${what}${unseen}`,
    'an event is named by its id, or by its place in the log: keystone trace topic/partition/offset',
  );
}

function placeProblem({ view, bronze }: FruitlessSearch, place: LogPlace): KeystoneError | null {
  const landedTopics = [...(bronze?.nextOffsets.keys() ?? [])];
  const isLanded = landedTopics.includes(place.topic);
  if (view.bounds.length === 0 && !isLanded) {
    const near = nearestName(place.topic, landedTopics);
    return notFound(
      `there is no topic ${place.topic} in the log, and no event of it in the lake`,
      near === undefined
        ? 'keystone lag show names the topic of the project'
        : `did you mean ${placeText({ ...place, topic: near })}?`,
    );
  }
  const loss = bronze?.losses.find(({ offsets }) => offsets.some((range) => holds(range, place)));
  if (loss) {
    const at = new Date(loss.acceptedAtMs).toISOString();
    return notFound(
      `${placeText(place)} expired in the log before it was landed; the loss was accepted ${at} by ${loss.by}: ${loss.reason}`,
      'keystone ledger verify names all accepted losses; keystone ingest replay of a recorded trace, if there is one, brings the events in again',
    );
  }
  const hole = bronze?.holes.find((range) => holds(range, place));
  if (hole) {
    // Neighbours of a hole that were given up are joined with it.
    const lost = bronze?.losses.flatMap(({ offsets }) => offsets.filter((range) => isOf(range, place))) ?? [];
    const from = Math.max(hole.from, ...lost.map(({ toExclusive }) => toExclusive).filter((end) => end <= place.offset));
    const toExclusive = Math.min(hole.toExclusive, ...lost.map((range) => range.from).filter((begin) => begin > place.offset));
    return notFound(
      `${placeText(place)} lies in a hole: the log never gave out the offsets ${from} to ${toExclusive - 1}, no event is missing`,
      'keystone ledger verify accounts for holes',
    );
  }
  const bounds = view.bounds.find(({ partition }) => partition === place.partition);
  if (!bounds) {
    const last = view.bounds.at(-1)?.partition;
    return notFound(
      `${place.topic} has no partition ${place.partition}${last === undefined ? '' : `: it has 0 to ${last}`}`,
      'keystone lag show',
    );
  }
  if (place.offset >= bounds.endOffset) {
    return notFound(`${place.topic}/${place.partition} ends before offset ${bounds.endOffset}`, 'keystone lag show');
  }
  const isUnread = !view.isOther && place.offset >= view.landedNext(place.partition);
  if (place.offset < bounds.startOffset && isUnread) {
    return notFound(
      `${placeText(place)} has expired in the log (it begins at ${bounds.startOffset}), and the lake, which needs ${view.landedNext(place.partition)} next, never landed it`,
      'keystone consume accept-loss --dry-run shows what is lost, by partition',
    );
  }
  if (place.offset < bounds.startOffset) {
    return notFound(
      `${placeText(place)} has expired in the log (it begins at ${bounds.startOffset}) and the lake does not hold it`,
      'keystone ledger verify says whether it was ever landed',
    );
  }
  if (place.offset < view.landedNext(place.partition)) {
    return notFound(
      `${placeText(place)} was passed by the lake and bronze does not hold it`,
      'keystone ledger verify --deep names what is missing',
    );
  }
  return null;
}

const isOf = ({ topic, partition }: OffsetHole, place: LogPlace): boolean =>
  topic === place.topic && partition === place.partition;

const holds = (range: OffsetHole, place: LogPlace): boolean =>
  isOf(range, place) && place.offset >= range.from && place.offset < range.toExclusive;

/** Whether the log has it cannot be told, which is no answer. */
const logAway = (away: Error, text: string): KeystoneError =>
  new KeystoneError(isKeystoneError(away) ? away.code : 'KS_LOG', `${away.message}; ${text}`, {
    hint: (isKeystoneError(away) ? away.hint : undefined) ?? 'keystone doctor',
    cause: away,
  });

const notFound = (message: string, hint: string): KeystoneError => new KeystoneError('KS_NOT_FOUND', message, { hint });
