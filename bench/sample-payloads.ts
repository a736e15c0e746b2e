/** Orders of the demo's shop as payloads: about 330 bytes each, purchases spread over `days` days in rising order. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { encodeRow } from '../src/core/demo/demo-event.js';
import { makeOrderStory, newBuyer } from '../src/core/demo/order-story.js';
import { makeShop } from '../src/core/demo/sample-shop.js';
import { seededRandom } from '../src/core/demo/seeded-random.js';

const FIRST_DAY_MS = Date.UTC(2018, 0, 1);
const DAY_MS = 86_400_000;

export function* samplePayloads(count: number, days: number): Generator<Uint8Array> {
  const random = seededRandom(1);
  const shop = makeShop(random, { products: 1000, sellers: 100 });
  for (let number = 0; number < count; number++) {
    const purchaseMs = FIRST_DAY_MS + Math.floor(((number + random.next()) / count) * days * (DAY_MS / 1000)) * 1000;
    yield encodeRow(makeOrderStory(random, shop, newBuyer(random), purchaseMs).order);
  }
}

/** The same as lines of a file; resolves to the payloads' bytes. */
export async function writeSampleFile(file: string, count: number, days: number): Promise<number> {
  let bytes = 0;
  function* lines(): Generator<Buffer> {
    for (const payload of samplePayloads(count, days)) {
      bytes += payload.length;
      yield Buffer.concat([payload, Buffer.from('\n')]);
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(file));
  return bytes;
}
