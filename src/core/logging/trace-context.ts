/** Trace ids by W3C Trace Context: https://www.w3.org/TR/trace-context/#traceparent-header */

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const VERSION_0_LENGTH = 55;

/** The trace id of a `traceparent`, 32 hexadecimal digits; null for one that is absent or broken, which the standard has ignored. */
export function traceIdOf(traceparent: string | undefined): string | null {
  if (traceparent === undefined) return null;
  const text = traceparent.trim();
  const [, traceId, parentId] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || parentId === undefined || /^0+$/.test(traceId) || /^0+$/.test(parentId)) return null;
  // Only later versions may have more.
  return text.startsWith('00') && text.length !== VERSION_0_LENGTH ? null : traceId;
}

/** A new one. */
export const newTraceId = (randomBytes: (length: number) => Uint8Array): string => Buffer.from(randomBytes(16)).toString('hex');
