/** The life of `ingest watch` in the log. */
import type { Logger } from '../../logging/logger.js';
import type { WatchEvent } from './run-watch.js';

/** Events `watch.started`, `file.taken`, `file.done`, `file.failed`; files that are left or wait are the command's warnings. */
export function logWatching(logger: Logger | undefined, event: WatchEvent, dir: string): void {
  if (event.kind === 'watching') logger?.info('watch.started', { dir });
  if (event.kind === 'taken') logger?.info('file.taken', { file: event.name, sizeBytes: event.sizeBytes });
  if (event.kind !== 'file') return;
  const { file, movedTo, status, reason, dataset, sizeBytes, events, accepted, refused, badRows, leftOut } = event.report;
  const fields = { file, movedTo, dataset, sizeBytes, events, accepted, refused, badRows, leftOut };
  if (status === 'done') logger?.info('file.done', fields);
  else logger?.error('file.failed', { ...fields, reason });
}
