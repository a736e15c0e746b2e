/**
 * A Python client over a spawned server: stubs from the `.proto` files, receipts, and every sent byte found again in bronze by
 * pyiceberg. The tests share what one client sent.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableDescription } from '../../src/core/table/describe-table.js';
import { runCli, startCli } from '../support/cli-process.js';
import { askPython, peerPython } from './ask-python.js';

const PROTO_DIR = fileURLToPath(new URL('../../proto', import.meta.url));
const INVALID_ARGUMENT = 3;

const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64');

const orderText = (n: number, more: string): string =>
  `{"order_id": "${n.toString(16).padStart(32, '0')}","customer_id":"José da Conceição 👏","order_status":"created",` +
  `"order_purchase_timestamp":"2018-01-0${n} 10:00:00"${more}}`;

/** Text of the founding service: blanks, escapes and non-ASCII letters must come out as they went in. */
const FOUNDING = [orderText(1, ' , "nota" : "ação\\u00e7\\n" '), orderText(2, ',"日本":"語"')];

/** `payload_json` of two bytes that are no UTF-8. */
const BROKEN_TEXT = Buffer.from([0xff, 0xfe]);
const RAW_MESSAGES = [
  Buffer.concat([Buffer.from([0x0a, BROKEN_TEXT.length]), BROKEN_TEXT]),
  // Says that five bytes follow, and ends.
  Buffer.from([0x0a, 0x05, 0x7b]),
];

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, n) => n);

interface SentEvent {
  readonly payload: string;
  readonly dataset?: string;
  readonly key?: string;
  readonly event_id?: string;
  readonly source?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const EVENTS: readonly SentEvent[] = [
  {
    payload: base64(orderText(3, '')),
    dataset: 'orders',
    key: base64(ALL_BYTES),
    event_id: 'peer-ação-1',
    source: 'python · 語',
    headers: { 'x-bytes': base64(ALL_BYTES), 'x-empty': '', traço: base64('é') },
  },
  { payload: base64(ALL_BYTES), event_id: 'peer-2' },
];

const BATCH: readonly SentEvent[] = [
  { payload: base64(orderText(4, '')), dataset: 'orders', event_id: 'peer-3' },
  { payload: base64(orderText(5, '')), event_id: 'x'.repeat(2000) },
  { payload: base64('{"seller_id":"s1"}'), dataset: 'sellers', event_id: 'peer-4', source: 'batch' },
];

/** The one header that the server adds: the moment in microseconds. */
const RECEIVED = { 'ks-received-at': expect.stringMatching(/^[\w+/]+=*$/) as string };

interface Receipt {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly event_id: string;
  readonly durability: string;
}

interface Answer {
  readonly success?: boolean;
  readonly receipt?: Receipt;
  readonly error?: { readonly code: string | number; readonly message: string; readonly event_id?: string };
}

interface Answers {
  readonly founding: readonly Answer[];
  readonly foundingRaw: readonly Answer[];
  readonly events: readonly Answer[];
  readonly batch: readonly Answer[];
  readonly health: string;
  readonly services: readonly string[];
  readonly methods: readonly string[];
}

interface BronzeEvent extends Omit<Receipt, 'durability'> {
  readonly dataset: string;
  readonly source: string | null;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | null;
}

describe.skipIf(peerPython === null)('the server, called by a Python client', () => {
  let dir = '';
  let answers: Answers;
  let bronze: readonly BronzeEvent[] = [];

  const keystone = async <Result>(...args: readonly string[]): Promise<Result> => {
    const { code, stdout, stderr } = await runCli([...args, '--json'], { cwd: dir });
    expect(code, `keystone ${args.join(' ')}\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`).toBe(0);
    return (JSON.parse(stdout) as { result: Result }).result;
  };

  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-peers-'));
    await keystone('init');
    const server = startCli(['ingest', 'serve', '--port', '0'], { cwd: dir });
    try {
      const address = await new Promise<string>((resolve, reject) => {
        server.child.stdout?.on('data', () => {
          const match = /Listening on ([\d.]+:\d+),/.exec(server.stdout());
          if (match?.[1] !== undefined) resolve(match[1]);
        });
        void server.ended.then(({ stderr }) => reject(new Error(`the server ended: ${stderr}`)));
      });
      answers = await askPython<Answers>('send_events.py', {
        address,
        protoDir: PROTO_DIR,
        founding: FOUNDING.map(base64),
        foundingRaw: RAW_MESSAGES.map(base64),
        events: EVENTS,
        batch: BATCH,
      });
    } finally {
      server.child.kill('SIGTERM');
      await server.ended;
    }
    await keystone('consume', 'run', '--until-caught-up');
    const { metadataLocation: metadata } = await keystone<TableDescription>('table', 'show', 'bronze.events');
    bronze = await askPython<readonly BronzeEvent[]>('events_in_bronze.py', { metadata });
  });

  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  /** Where a receipt says that the event is. */
  const eventAt = ({ topic, partition, offset }: Receipt): BronzeEvent | undefined =>
    bronze.find((event) => event.topic === topic && event.partition === partition && event.offset === offset);

  it('is healthy, and reflects both of its services', () => {
    expect(answers.health).toBe('SERVING');
    expect(answers.services).toContain('keystone.ingestion.v1.Ingestion');
    expect(answers.services.some((name) => /^\.?IngestionService$/.test(name))).toBe(true);
    expect(answers.methods).toEqual(['SendEvent', 'SendEventBatch', 'StreamEvents']);
  });

  it('takes text by the founding service, byte for byte', () => {
    expect(answers.founding).toEqual([{ success: true }, { success: true }]);
    for (const text of FOUNDING) {
      const found = bronze.filter(({ payload }) => payload === base64(text));
      expect(found).toEqual([expect.objectContaining({ dataset: 'orders', source: 'grpc', headers: RECEIVED })]);
    }
  });

  it('takes broken text as it is, and refuses broken framing', () => {
    const [brokenText, brokenFraming] = answers.foundingRaw;
    expect(brokenText).toEqual({ success: true });
    expect(bronze.filter(({ payload }) => payload === base64(BROKEN_TEXT))).toHaveLength(1);
    expect(brokenFraming).toMatchObject({ error: { code: 'INVALID_ARGUMENT' } });
  });

  it('gives a receipt for each event, which is then in bronze where the receipt says', () => {
    const answered = [...answers.events, answers.batch[0], answers.batch[2]];
    const sent = [...EVENTS, BATCH[0], BATCH[2]] as readonly SentEvent[];
    expect(answered).toHaveLength(sent.length);
    for (const [n, event] of sent.entries()) {
      const { receipt } = answered[n] ?? {};
      expect(receipt).toMatchObject({ event_id: event.event_id, durability: 'DURABILITY_LOG' });
      expect(receipt && eventAt(receipt)).toMatchObject({
        payload: event.payload,
        event_id: event.event_id,
        dataset: event.dataset ?? 'orders',
        source: event.source ?? 'grpc',
        ...(event.key === undefined ? {} : { key: event.key }),
      });
      expect(receipt && eventAt(receipt)?.headers).toEqual({ ...event.headers, ...RECEIVED });
    }
  });

  it('answers for the one event of a batch that it refuses', () => {
    expect(answers.batch).toHaveLength(BATCH.length);
    expect(answers.batch[1]?.error).toMatchObject({ code: INVALID_ARGUMENT, event_id: BATCH[1]?.event_id });
    expect(bronze).toHaveLength(FOUNDING.length + 1 + EVENTS.length + BATCH.length - 1);
  });
});
