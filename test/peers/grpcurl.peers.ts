/**
 * grpcurl over spawned servers of one project: in the clear by reflection and by the founding .proto, over TLS with a token, and with a
 * client certificate. What it sent is looked up where the receipts say. The tests share one consumer run at the end.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { makeAuthority, type Authority, type CertificateFiles } from '../support/certificates.js';
import { runCli, startCli, type CliProcess } from '../support/cli-process.js';

const PROTO_DIR = fileURLToPath(new URL('../../proto', import.meta.url));
const SERVICE = 'keystone.ingestion.v1.Ingestion';
const TOKEN = 'shop-secret-number-1';
/** grpcurl's exit code is 64 and the status code. */
const UNAUTHENTICATED = 64 + 16;
const INVALID_ARGUMENT = 3;

const grpcurl = inject('peerGrpcurl');

interface Ended {
  readonly code: number | null;
  /** The answers, one for each message. */
  readonly answers: readonly Answer[];
  readonly stdout: string;
  readonly stderr: string;
}

interface Receipt {
  readonly topic: string;
  readonly partition: number;
  /** As text, as protobuf's JSON has it. */
  readonly offset: string;
  readonly eventId: string;
  readonly durability: string;
}

interface Answer {
  readonly success?: boolean;
  readonly results?: readonly {
    readonly receipt?: Receipt;
    readonly error?: { readonly code: number; readonly eventId: string };
  }[];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const orderText = (n: number): string =>
  `{"order_id":"${n.toString(16).padStart(32, '0')}", "customer_id":"José 👏","order_status":"created","order_purchase_timestamp":"2018-01-0${n} 10:00:00"}`;
const event = (id: string, n: number): object => ({ event_id: id, dataset: 'orders', payload: base64(orderText(n)) });

/** One call with `messages` on standard input; `target` is an address, then what of it to call or describe. */
async function call(flags: readonly string[], target: readonly string[], messages: readonly object[] = []): Promise<Ended> {
  const data = messages.length === 0 ? [] : ['-d', '@', '-emit-defaults'];
  const child = spawn(grpcurl ?? '', ['-max-time', '60', ...flags, ...data, ...target], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(messages.map((message) => JSON.stringify(message)).join('\n'));
  const [code] = (await once(child, 'close')) as [number | null];
  const texts = messages.length === 0 ? [] : (stdout.match(/^\{$[\s\S]*?^\}$/gm) ?? []);
  return { code, answers: texts.map((text) => JSON.parse(text) as Answer), stdout, stderr };
}

describe.skipIf(grpcurl === null)('the server, called by grpcurl', () => {
  let dir = '';
  let authority: Authority;
  let press: CertificateFiles;
  let foreign: CertificateFiles;
  const servers: CliProcess[] = [];
  const addresses: Record<'clear' | 'tokens' | 'certificates', string> = { clear: '', tokens: '', certificates: '' };
  /** What receipts promised: id → where. */
  const promised = new Map<string, Receipt>();

  const config = (...ingest: readonly string[]): string =>
    ['version: 1', 'ingest:', '  defaultDataset: orders', ...ingest.map((line) => `  ${line}`), ''].join('\n');

  async function serve(configFile: string): Promise<string> {
    const server = startCli(['ingest', 'serve', '--port', '0', '--config', configFile], { cwd: dir, env: { SHOP_TOKEN: TOKEN } });
    servers.push(server);
    return new Promise<string>((resolve, reject) => {
      server.child.stdout?.on('data', () => {
        const match = /Listening on ([\d.]+:\d+),/.exec(server.stdout());
        if (match?.[1] !== undefined) resolve(match[1]);
      });
      void server.ended.then(({ stderr }) => reject(new Error(`the server ended: ${stderr}`)));
    });
  }

  const keep = (receipt: Receipt): void => void promised.set(receipt.eventId, receipt);

  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-peers-'));
    expect((await runCli(['init'], { cwd: dir })).code).toBe(0);
    authority = await makeAuthority(dir, 'authority');
    const server = await authority.sign('server', { names: ['localhost', '127.0.0.1'] });
    press = await authority.sign('press-7');
    foreign = await (await makeAuthority(dir, 'foreign')).sign('foreign-press');
    const tls = ['tls:', `  certificate: ${server.certificate}`, `  key: ${server.key}`];
    await writeFile(path.join(dir, 'clear.yaml'), config());
    await writeFile(path.join(dir, 'tokens.yaml'), config(...tls, 'tokens:', '  shop: env:SHOP_TOKEN'));
    const mutual = ['  clientCertificate: required', `  clientCa: ${authority.certificate}`];
    await writeFile(path.join(dir, 'certificates.yaml'), config(...tls, ...mutual));
    for (const name of ['clear', 'tokens', 'certificates'] as const) addresses[name] = await serve(`${name}.yaml`);
  });

  afterAll(async () => {
    for (const { child, ended } of servers) {
      child.kill('SIGTERM');
      await ended;
    }
    await rm(dir, { recursive: true, force: true });
  });

  it('tells its services and methods by reflection', async () => {
    const listed = await call(['-plaintext'], [addresses.clear, 'list']);
    expect(listed.stdout.trim().split('\n')).toEqual(expect.arrayContaining([SERVICE, 'grpc.health.v1.Health']));
    expect(listed.stdout).toMatch(/^\.?IngestionService$/m);
    const methods = await call(['-plaintext'], [addresses.clear, 'list', SERVICE]);
    expect(methods.stdout.trim().split('\n').toSorted()).toEqual(
      ['SendEvent', 'SendEventBatch', 'StreamEvents'].map((method) => `${SERVICE}.${method}`),
    );
    const described = await call(['-plaintext'], [addresses.clear, 'describe', `${SERVICE}.StreamEvents`]);
    expect(described.stdout).toMatch(/rpc StreamEvents \( stream \.\S+\.EventBatch \) returns \( stream \.\S+\.ReceiptBatch \)/);
    const health = await call(['-plaintext'], [addresses.clear, 'grpc.health.v1.Health/Check'], [{ service: SERVICE }]);
    expect(health.answers).toEqual([{ status: 'SERVING' }]);
  });

  it('takes one event, a batch and a stream by reflection', async () => {
    const one = await call(['-plaintext'], [addresses.clear, `${SERVICE}/SendEvent`], [event('curl-1', 1)]);
    expect(one, one.stderr).toMatchObject({ code: 0, answers: [{ eventId: 'curl-1', durability: 'DURABILITY_LOG' }] });
    keep(one.answers[0] as Receipt);

    const tooLong = 'x'.repeat(2000);
    const batch = await call(
      ['-plaintext'],
      [addresses.clear, `${SERVICE}/SendEventBatch`],
      [{ events: [event('curl-2', 2), event(tooLong, 3), event('curl-3', 3)] }],
    );
    expect(batch.answers).toMatchObject([
      {
        results: [
          { receipt: { eventId: 'curl-2' } },
          { error: { code: INVALID_ARGUMENT, eventId: tooLong } },
          { receipt: { eventId: 'curl-3' } },
        ],
      },
    ]);

    const batches = [{ events: [event('curl-4', 4), event('curl-5', 5)] }, { events: [] }, { events: [event('curl-6', 6)] }];
    const stream = await call(['-plaintext'], [addresses.clear, `${SERVICE}/StreamEvents`], batches);
    expect(stream, stream.stderr).toMatchObject({
      code: 0,
      answers: [
        { results: [{ receipt: { eventId: 'curl-4' } }, { receipt: { eventId: 'curl-5' } }] },
        { results: [] },
        { results: [{ receipt: { eventId: 'curl-6' } }] },
      ],
    });
    for (const { results } of [...batch.answers, ...stream.answers]) results?.forEach(({ receipt }) => receipt && keep(receipt));
  });

  it('takes events of the founding service by its .proto', async () => {
    const flags = ['-plaintext', '-import-path', PROTO_DIR, '-proto', 'ingestion.proto'];
    const sent = await call(flags, [addresses.clear, 'IngestionService/SendEvent'], [{ payload_json: orderText(7) }]);
    expect(sent, sent.stderr).toMatchObject({ code: 0, answers: [{ success: true }] });
  });

  it('lets in by its token over TLS, and nobody else', async () => {
    const target = [addresses.tokens, `${SERVICE}/SendEvent`];
    const tls = ['-cacert', authority.certificate, '-import-path', PROTO_DIR, '-proto', 'keystone/ingestion/v1/ingestion.proto'];
    const right = await call([...tls, '-H', `authorization: Bearer ${TOKEN}`], target, [event('curl-token', 8)]);
    expect(right, right.stderr).toMatchObject({ code: 0, answers: [{ eventId: 'curl-token' }] });
    keep(right.answers[0] as unknown as Receipt);
    const described = await call(
      ['-cacert', authority.certificate, '-H', `authorization: Bearer ${TOKEN}`],
      [addresses.tokens, 'list'],
    );
    expect(described.stdout).toContain(SERVICE);

    const wrong = (flags: readonly string[]): Promise<Ended> => call(flags, target, [event('curl-wrong', 9)]);
    const headers = [[], ['-H', 'authorization: Bearer wrong-secret-2'], ['-H', 'authorization: Basic c2hvcA==']];
    const withoutCa = ['-connect-timeout', '5', ...tls.slice(2)];
    const [inTheClear, ofAStranger, ...turnedAway] = await Promise.all([
      wrong(['-plaintext', ...withoutCa]),
      wrong(withoutCa),
      ...headers.map((header) => wrong([...tls, ...header])),
    ]);
    expect(turnedAway).toHaveLength(headers.length);
    for (const { code, answers, stderr } of turnedAway) {
      expect({ code, answers }).toEqual({ code: UNAUTHENTICATED, answers: [] });
      expect(stderr).toContain('Code: Unauthenticated');
    }
    expect(inTheClear).toMatchObject({ code: 1, answers: [] });
    expect(ofAStranger).toMatchObject({ code: 1, answers: [], stderr: expect.stringContaining('unknown authority') as string });
  });

  it('lets in by a certificate of its authority, and nobody else', async () => {
    const target = [addresses.certificates, `${SERVICE}/SendEvent`];
    const tls = ['-cacert', authority.certificate, '-connect-timeout', '5'];
    const shown = ({ certificate, key }: CertificateFiles): readonly string[] => ['-cert', certificate, '-key', key];
    const right = await call([...tls, ...shown(press)], target, [event('curl-mutual', 9)]);
    expect(right, right.stderr).toMatchObject({ code: 0, answers: [{ eventId: 'curl-mutual' }] });
    keep(right.answers[0] as unknown as Receipt);
    const others = [[], shown(foreign)].map((other) => call([...tls, ...other], target, [event('curl-wrong', 9)]));
    for (const turnedAway of await Promise.all(others)) expect(turnedAway).toMatchObject({ code: 1, answers: [] });
  });

  it('has in bronze what it promised, under the identity that each proved, and nothing else', async () => {
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd: dir })).code).toBe(0);
    const sql = `SELECT event_id, topic, kafka_partition AS partition, kafka_offset::VARCHAR AS "offset", source, decode(payload) AS payload FROM bronze.events`;
    const { stdout } = await runCli(['query', sql, '--json'], { cwd: dir });
    const { rows } = (JSON.parse(stdout) as { result: { rows: readonly Readonly<Record<string, string | number>>[] } }).result;
    const expected = [...promised.values()].map(({ eventId, topic, partition, offset }) => {
      const source = { 'curl-token': 'shop', 'curl-mutual': 'press-7' }[eventId] ?? 'grpc';
      const n = { 'curl-token': 8, 'curl-mutual': 9 }[eventId] ?? Number(eventId.slice('curl-'.length));
      return { event_id: eventId, topic, partition, offset, source, payload: orderText(n) };
    });
    expect(expected).toHaveLength(8);
    const founding = rows.filter(({ payload }) => payload === orderText(7));
    expect(founding).toEqual([expect.objectContaining({ source: 'grpc' })]);
    const others = rows.filter((row) => !founding.includes(row));
    expect(others).toHaveLength(expected.length);
    expect(others).toEqual(expect.arrayContaining(expected));
  });
});
