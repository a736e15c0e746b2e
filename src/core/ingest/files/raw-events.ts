/** Whole files as events: each file's bytes are one payload, whatever they are. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError, messageOf } from '../../errors.js';
import { jsonColumns } from '../../event/business-key.js';
import { fileEventIds } from '../../event/file-event-id.js';
import type { FileEvents } from './file-event.js';

/**
 * One event per file, in the order given; the n-th of files with the same bytes gets the n-th id of that content.
 * @throws KeystoneError KS_NOT_FOUND when a file cannot be read.
 */
export async function* rawEvents(paths: readonly string[], dataset: string, source: string | undefined): FileEvents {
  const ids = fileEventIds(dataset);
  for (const file of paths) {
    const payload = await readFile(file).catch((cause: unknown) => {
      throw new KeystoneError('KS_NOT_FOUND', `cannot read ${file}: ${messageOf(cause)}`, {
        hint: `ls -l ${path.dirname(file)}`,
        cause,
      });
    });
    yield [
      {
        payload,
        dataset,
        eventId: ids.ofPayload(payload),
        source: source ?? path.basename(file),
        headers: [],
        valueOf: jsonColumns(payload),
      },
    ];
  }
}
