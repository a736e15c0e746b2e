import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { openDoor, openStream, wireEvent } from '../../../support/ingest-door.js';

const batch = (n: number, bytes = 2) => [
  wireEvent({ payload: Buffer.alloc(bytes, 'x'), eventId: `${n}a` }),
  wireEvent({ payload: Buffer.alloc(bytes, 'x'), eventId: `${n}b` }),
];
const idsOf = (answers: ReturnType<typeof openStream>['answers']) =>
  answers.map((results) => results.map((result) => (result.kind === 'receipt' ? result.receipt.eventId : 'refused')));

describe('StreamEvents', () => {
  it('answers each batch in its order, then ends with OK', async () => {
    const { log, connect } = await openDoor();
    const stream = openStream(connect());
    for (let n = 0; n < 300; n++) stream.send(batch(n));
    stream.end();
    expect(await stream.ended).toMatchObject({ code: status.OK });
    expect(idsOf(stream.answers)).toEqual(Array.from({ length: 300 }, (_, n) => [`${n}a`, `${n}b`]));
    expect(log.appended).toHaveLength(600);
  });

  it('answers nothing before it is durable, and reads no further than its window', async () => {
    // What would be read beyond the window would not fit into these bytes, and be refused.
    const { log, connect, server } = await openDoor({ maxInFlightBytes: 6_000_000 });
    let open = (): void => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    const stream = openStream(connect());
    // 500 kB a batch: the window of 4 MiB is full after nine.
    for (let n = 0; n < 40; n++) stream.send(batch(n, 250_000));
    stream.end();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(stream.answers).toEqual([]);
    open();
    expect(await stream.ended).toMatchObject({ code: status.OK });
    expect(stream.answers).toHaveLength(40);
    expect(server.totals()).toEqual({ accepted: 80, refused: 0 });
  });

  it('ends with INVALID_ARGUMENT on broken framing, after the answers to what came before', async () => {
    const { log, connect } = await openDoor();
    const stream = openStream(connect());
    stream.send(batch(0));
    stream.send(batch(1));
    stream.sendBytes(Buffer.from([0x0a, 0x05, 0x61]));
    stream.send(batch(2));
    expect(await stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(idsOf(stream.answers)).toEqual([
      ['0a', '0b'],
      ['1a', '1b'],
    ]);
    expect(log.appended).toHaveLength(4);
  });

  it('ends with RESOURCE_EXHAUSTED on a batch that is too large, after the answers to what came before', async () => {
    const { log, connect } = await openDoor();
    let open = (): void => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    const stream = openStream(connect());
    for (let n = 0; n < 3; n++) stream.send(batch(n));
    stream.send(batch(3, 600_000));
    stream.send(batch(4));
    stream.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    open();
    expect(await stream.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/at most 1000000/) as string,
    });
    expect(idsOf(stream.answers)).toEqual([
      ['0a', '0b'],
      ['1a', '1b'],
      ['2a', '2b'],
    ]);
    expect(log.appended).toHaveLength(6);
  });

  it('puts refusals inside, and goes on', async () => {
    const { log, connect } = await openDoor();
    const stream = openStream(connect());
    log.failWith = new Error('log away');
    stream.send(batch(0));
    await expect.poll(() => stream.answers.length).toBe(1);
    log.failWith = undefined;
    stream.send(batch(1));
    stream.end();
    expect(await stream.ended).toMatchObject({ code: status.OK });
    expect(idsOf(stream.answers)).toEqual([
      ['refused', 'refused'],
      ['1a', '1b'],
    ]);
  });

  it('answers all that was read before a stopping server ends it with UNAVAILABLE', async () => {
    const { log, connect, stop } = await openDoor({ drainMs: 5000 });
    let open = (): void => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    let given = 0;
    const { append } = log;
    log.append = (topic, records) => {
      given += records.length;
      return append(topic, records);
    };
    const stream = openStream(connect());
    stream.send(batch(0));
    await expect.poll(() => given).toBe(2);
    const stopped = stop();
    await new Promise((resolve) => setTimeout(resolve, 50));
    open();
    expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringMatching(/stops/) as string });
    expect(idsOf(stream.answers)).toEqual([['0a', '0b']]);
    expect(await stopped).toEqual({ accepted: 2, refused: 0 });
  });
});
