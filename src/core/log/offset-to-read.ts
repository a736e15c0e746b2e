/** What every log refuses to read from, in the same words. */
import { KeystoneError } from '../errors.js';

/** Throws KS_LOG for an offset that no log can hold. */
export function checkOffsetToRead(topic: string, partition: number, fromOffset: number): void {
  if (Number.isSafeInteger(fromOffset) && fromOffset >= 0) return;
  throw new KeystoneError('KS_LOG', `${fromOffset} is no offset of ${topic}/${partition}: offsets are whole numbers up to 2^53`);
}
