/** Receipts as NDJSON, one line per acknowledged event: `{"event_id","topic","partition","offset"}`; of a spooled one the offset is null and `durability` says so. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { KeystoneError, messageOf } from '../../errors.js';
import type { OnResults } from '../event-sink.js';

export interface ReceiptFile {
  /** Written when it returns: a receipt in the file outlives this process. */
  readonly onResults: OnResults;
  close(): void;
}

/** @throws KeystoneError KS_NOT_FOUND when the file cannot be created. */
export function openReceiptFile(path: string): ReceiptFile {
  let file: number;
  try {
    file = openSync(path, 'w');
  } catch (cause) {
    throw new KeystoneError('KS_NOT_FOUND', `cannot write receipts to ${path}: ${messageOf(cause)}`, {
      hint: 'name a file in an existing folder',
      cause,
    });
  }
  return {
    onResults: (results) => {
      let text = '';
      for (const result of results) {
        if (result.kind !== 'receipt') continue;
        const { eventId, topic, partition, offset, durability } = result.receipt;
        const place = durability === 'spooled' ? { offset: null, durability } : { offset };
        text += `${JSON.stringify({ event_id: eventId, topic, partition, ...place })}\n`;
      }
      if (text !== '') writeSync(file, text);
    },
    close: () => closeSync(file),
  };
}
