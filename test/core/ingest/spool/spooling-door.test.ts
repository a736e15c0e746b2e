/** What clients and those who watch are told while events go to the spool. */
import { describe, expect, it } from 'vitest';
import { foundingMethods, ingestionV1Methods } from '../../../../src/core/ingest/grpc/ingest-services.js';
import type { AppendOutcome } from '../../../../src/core/ingest/group-commit.js';
import type { SpoolState } from '../../../../src/core/ingest/spool/spool-mode.js';
import { KeystoneError } from '../../../../src/core/errors.js';
import { callBytes, openDoor, sendOne } from '../../../support/ingest-door.js';

const STATE: SpoolState = { mode: 'spooling', sinceMs: 0, events: 3, bytes: 900, oldestMs: 1000, problem: 'no broker answers' };

const spooling = (state: SpoolState, outcome: AppendOutcome) =>
  openDoor({ httpPort: 0, spool: { append: async (records) => records.map(() => outcome), state: () => state } });

describe('a server whose events go to the spool', () => {
  it('says so in its receipts, over every door', async () => {
    const { server, connect } = await spooling(STATE, { kind: 'spooled', partition: 2 });
    const client = connect();
    const answer = await sendOne(client, { eventId: 'e' });
    expect(ingestionV1Methods.SendEvent.responseDeserialize(answer as Buffer)).toEqual({
      kind: 'message',
      message: { topic: 'events', partition: 2, offset: -1, eventId: 'e', durability: 'spooled' },
    });
    const founding = await callBytes(
      client,
      foundingMethods.SendEvent.path,
      foundingMethods.SendEvent.requestSerialize(Buffer.from('{}')),
    );
    expect(foundingMethods.SendEvent.responseDeserialize(founding as Buffer)).toEqual({ kind: 'message', message: true });
    const posted = await fetch(`http://127.0.0.1:${server.httpPort}/v1/events/orders`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'h' },
    });
    expect([posted.status, await posted.json()]).toEqual([
      200,
      { receipts: [{ topic: 'events', partition: 2, offset: null, event_id: 'h', durability: 'spooled' }] },
    ]);
  });

  it('is healthy and ready, and tells what waits', async () => {
    const { server } = await spooling(STATE, { kind: 'spooled', partition: 0 });
    for (const page of ['healthz', 'readyz']) {
      const answer = await fetch(`http://127.0.0.1:${server.httpPort}/${page}`);
      expect([answer.status, await answer.json()]).toEqual([
        200,
        {
          status: 'ok',
          spool: {
            mode: 'spooling',
            since: '1970-01-01T00:00:00.000Z',
            events: 3,
            bytes: 900,
            oldest: '1970-01-01T00:00:01.000Z',
            problem: 'no broker answers',
          },
        },
      ]);
    }
  });

  it('is not ready when the spool is full, and asks clients to come later', async () => {
    const full = new KeystoneError('KS_LIMIT', 'the spool is full');
    const { server, connect } = await spooling({ ...STATE, mode: 'full' }, full);
    expect(await sendOne(connect())).toMatchObject({ code: 8, details: 'not kept: the spool is full' });
    const http = `http://127.0.0.1:${server.httpPort}`;
    const posted = await fetch(`${http}/v1/events/orders`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect([posted.status, posted.headers.get('retry-after')]).toEqual([503, '5']);
    expect([(await fetch(`${http}/healthz`)).status, (await fetch(`${http}/readyz`)).status]).toEqual([200, 503]);
  });
});
