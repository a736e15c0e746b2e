/** Against a small server that answers as AWS documents GetBootstrapBrokers (no emulator speaks it). */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { profileConfig } from '../../../../src/core/config/config.js';
import { KeystoneError } from '../../../../src/core/errors.js';
import { kafkaAccess, type KafkaAccess } from '../../../../src/core/log/kafka/access.js';
import { systemEffects } from '../../../support/effects.js';

const ARN = 'arn:aws:kafka:eu-west-1:123456789012:cluster/olist/0c5b1a2e-1';
const ENV = { ID: 'AKIDEXAMPLE', KEY: 'wJalrXUtnFEMI' };
const host = (port: number): string => `b-1.olist.x1.c2.kafka.eu-west-1.amazonaws.com:${port}`;

let answer: { readonly status: number; readonly body: unknown; readonly type?: string };
let asked: IncomingMessage | undefined;
const server = createServer((request, response) => {
  asked = request;
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    ...(answer.type === undefined ? {} : { 'x-amzn-errortype': answer.type }),
  });
  response.end(JSON.stringify(answer.body));
});
beforeAll(
  () =>
    new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    }),
);
afterAll(() => server.close());

const access = (kafka: Record<string, unknown>): Promise<KafkaAccess> => {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const aws = { endpoint, accessKeyId: 'env:ID', secretAccessKey: 'env:KEY' };
  const config = profileConfig.parse({ log: { kafka: { cluster: ARN, aws, ...kafka } } }).log.kafka;
  return kafkaAccess(config, { env: { ...ENV, PASSWORD: 'secret' }, projectDir: '/' }, systemEffects().clock);
};
const refused = async (kafka: Record<string, unknown>): Promise<KeystoneError> => {
  const error = await access(kafka).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KeystoneError);
  expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(ENV.KEY);
  return error as KeystoneError;
};

describe('the brokers of an MSK cluster', () => {
  it('are those of the way in which they are spoken to', async () => {
    answer = {
      status: 200,
      body: {
        bootstrapBrokerString: host(9092),
        bootstrapBrokerStringTls: `${host(9094)},b-2.olist:9094`,
        bootstrapBrokerStringSaslScram: host(9096),
        bootstrapBrokerStringSaslIam: host(9098),
        bootstrapBrokerStringPublicSaslIam: host(9198),
      },
    };
    const brokers = async (kafka: Record<string, unknown>): Promise<string> => (await access(kafka)).brokers;
    const scram = { sasl: 'scram-sha-512', username: 'u', password: 'env:PASSWORD' };
    expect(await brokers({})).toBe(host(9092));
    expect(await brokers({ tls: true })).toBe(`${host(9094)},b-2.olist:9094`);
    expect(await brokers({ tls: true, ...scram })).toBe(host(9096));
    expect(await brokers({ tls: true, sasl: 'aws-msk-iam' })).toBe(host(9098));
    expect(await brokers({ tls: true, sasl: 'aws-msk-iam', network: 'public' })).toBe(host(9198));
    expect((await access({ tls: true })).seeds[1]).toEqual({ host: 'b-2.olist', port: 9094 });
    expect(decodeURIComponent(asked?.url ?? '')).toBe(`/v1/clusters/${ARN}/bootstrap-brokers`);
    expect(asked?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/kafka\/aws4_request/,
    );
  });

  it('that are named are not asked for', async () => {
    asked = undefined;
    expect((await access({ brokers: 'broker:9092' })).brokers).toBe('broker:9092');
    expect(asked).toBeUndefined();
  });

  it('are told with what the cluster offers when it does not offer that way', async () => {
    answer = { status: 200, body: { bootstrapBrokerStringTls: host(9094), bootstrapBrokerStringPublicTls: host(9194) } };
    expect(await refused({ tls: true, sasl: 'aws-msk-iam' })).toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringContaining('it offers tls (private), tls (public)') as string,
    });
    expect(await refused({ network: 'public' })).toMatchObject({ code: 'KS_CONFIG' });
  });

  it('are not asked for in a way that MSK does not know', async () => {
    asked = undefined;
    const plain = { sasl: 'plain', username: 'u', password: 'env:PASSWORD' };
    expect(await refused({ tls: true, ...plain })).toMatchObject({ code: 'KS_CONFIG', message: 'MSK does not offer plain' });
    expect(await refused({ ...plain, sasl: 'scram-sha-512' })).toMatchObject({ hint: 'set log.kafka.tls: true' });
    expect(asked).toBeUndefined();
  });

  it('are refused with who to ask, by what AWS says', async () => {
    for (const [status, type, code] of [
      [403, 'AccessDeniedException', 'KS_CREDENTIALS'],
      [403, 'UnrecognizedClientException', 'KS_CREDENTIALS'],
      [403, 'ForbiddenException', 'KS_CREDENTIALS'],
      [404, 'NotFoundException', 'KS_CONFIG'],
      [500, 'InternalServerErrorException', 'KS_LOG'],
    ] as const) {
      answer = { status, type, body: { message: 'said so' } };
      const error = await refused({ tls: true });
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(type)]);
    }
  });
});
