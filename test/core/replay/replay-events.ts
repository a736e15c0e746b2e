/** Events for tests of replays. */
import fc from 'fast-check';
import type { ReplayEvent } from '../../../src/core/replay/replay-event.js';

/** A recorded event of partition 0; `timestampMs` is its log time. */
export const recorded = (position: number, timestampMs: number, change: Partial<ReplayEvent> = {}): ReplayEvent => ({
  stream: 'events/0',
  position,
  origin: { topic: 'events', partition: 0, offset: position, timestampUs: timestampMs * 1000 },
  eventId: Buffer.from(`e${position}`),
  dataset: 'orders',
  source: 'test',
  key: Buffer.from('k'),
  headers: [],
  payload: Buffer.from('{}'),
  ...change,
});

/** An event of a plain file. */
export const plain = (position: number, payload: string, dataset = 'orders'): ReplayEvent =>
  recorded(position, 0, { stream: '0', origin: null, dataset, payload: Buffer.from(payload) });

const bytes = (maxLength = 40): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array({ maxLength }),
    fc.string({ unit: 'binary', maxLength }).map((text) => Buffer.from(text, 'utf8')),
    fc.json().map((text) => Buffer.from(text, 'utf8')),
  );
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });

/** Everything that a log record may hold: null and empty payloads, bytes that are no text, any key and header. */
export const anyContent: fc.Arbitrary<Pick<ReplayEvent, 'eventId' | 'dataset' | 'source' | 'key' | 'headers' | 'payload'>> =
  fc.record({
    eventId: text.map((one) => Buffer.from(one, 'utf8')),
    // Names that a plain object would take for its own are among them.
    dataset: fc.oneof(fc.constantFrom('orders', 'toString', '__proto__'), text),
    source: fc.oneof(fc.constant(null), text),
    key: fc.oneof(fc.constant(null), bytes()),
    headers: fc.array(fc.record({ key: text, value: bytes() }), { maxLength: 3 }),
    payload: fc.oneof(fc.constant(null), bytes(200)),
  });
