import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { profileConfig } from '../../../../src/core/config/config.js';
import { KeystoneError } from '../../../../src/core/errors.js';
import { kafkaAccess, type KafkaConfig } from '../../../../src/core/log/kafka/access.js';
import { mskAccess, type MskAccess } from '../../../../src/core/log/kafka/msk-access.js';
import { mskTokens, type MskSigner } from '../../../../src/core/log/kafka/msk-token.js';
import { systemEffects } from '../../../support/effects.js';

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const ACCESS: MskAccess = { region: 'sa-east-1', endpoint: null, credentials: KEYS };
const { clock } = systemEffects();

const settings = (kafka: Record<string, unknown>): KafkaConfig => profileConfig.parse({ log: { kafka } }).log.kafka;
const failure = async (work: Promise<unknown>): Promise<KeystoneError> => {
  const error = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KeystoneError);
  return error as KeystoneError;
};

/** The signature that the URL should carry, computed here (AWS Signature Version 4, query string). */
function signatureOf(url: URL, secret: string): string {
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const escape = (text: string): string =>
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
  // The user agent is added behind the signature.
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature' && name !== 'User-Agent')
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .toSorted()
    .join('&');
  const empty = createHash('sha256').update('').digest('hex');
  const request = ['GET', '/', query, `host:${url.hostname}`, '', 'host', empty].join('\n');
  const [, day = '', region = '', service = '', end = ''] = (url.searchParams.get('X-Amz-Credential') ?? '').split('/');
  const scope = [day, region, service, end].join('/');
  const hashed = createHash('sha256').update(request).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', url.searchParams.get('X-Amz-Date'), scope, hashed].join('\n');
  const key = [region, service, end].reduce((at: Buffer, part) => hmac(at, part), hmac(`AWS4${secret}`, day));
  return hmac(key, toSign).toString('hex');
}

describe('tokens for MSK', () => {
  it('are presigned requests to connect, signed with the credentials that were given', async () => {
    const token = await (await mskTokens(ACCESS, clock))();
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    const url = new URL(Buffer.from(token, 'base64url').toString('utf8'));
    expect(url.hostname).toBe('kafka.sa-east-1.amazonaws.com');
    expect(url.searchParams.get('Action')).toBe('kafka-cluster:Connect');
    expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^AKIDEXAMPLE\/\d{8}\/sa-east-1\/kafka-cluster\/aws4_request$/);
    expect(url.searchParams.get('X-Amz-Expires')).toBe('900');
    expect(url.searchParams.get('X-Amz-Signature')).toBe(signatureOf(url, KEYS.secretAccessKey));
    expect(signatureOf(url, 'another')).not.toBe(url.searchParams.get('X-Amz-Signature'));
    expect(url.href).not.toContain(KEYS.secretAccessKey);
  });

  it('are shared by connections, and renewed after half of their life', async () => {
    let nowMs = 1_000_000;
    let signed = 0;
    const sign = async () => ({ token: `token-${++signed}`, expiryTime: nowMs + 900_000 });
    const signer: MskSigner = { generateAuthToken: sign, generateAuthTokenFromCredentialsProvider: sign };
    const token = await mskTokens(ACCESS, { ...clock, nowMs: () => nowMs }, async () => signer);
    expect(await Promise.all([token(), token()])).toEqual(['token-1', 'token-1']);
    nowMs += 449_999;
    expect(await token()).toBe('token-1');
    nowMs += 1;
    expect(await Promise.all([token(), token()])).toEqual(['token-2', 'token-2']);
  });

  it('that could not be signed are asked for again the next time', async () => {
    let tries = 0;
    const sign = async () => {
      if (++tries === 1) throw new Error('Could not load credentials from any providers');
      return { token: 'token', expiryTime: clock.nowMs() + 900_000 };
    };
    const signer: MskSigner = { generateAuthToken: sign, generateAuthTokenFromCredentialsProvider: sign };
    const token = await mskTokens({ ...ACCESS, credentials: null }, clock, async () => signer);
    expect(await failure(token())).toMatchObject({ code: 'KS_CREDENTIALS', hint: expect.stringContaining('aws sts') as string });
    expect(await token()).toBe('token');
  });

  it('need the signer, and say how to install it', async () => {
    const absent = (): Promise<MskSigner> => Promise.reject(new Error('Cannot find package'));
    expect(await failure(mskTokens(ACCESS, clock, absent))).toMatchObject({
      code: 'KS_CONFIG',
      hint: expect.stringContaining('npm install aws-msk-iam-sasl-signer-js') as string,
    });
  });

  it('are signed for the region of the cluster: as set, as the ARN says, as the brokers are called', async () => {
    const places = { env: {}, projectDir: '/' };
    const region = async (kafka: Record<string, unknown>): Promise<string> => (await mskAccess(settings(kafka), places)).region;
    const cluster = 'arn:aws:kafka:eu-west-1:123456789012:cluster/olist/0c5b-1';
    expect(await region({ cluster })).toBe('eu-west-1');
    expect(await region({ cluster, aws: { region: 'us-east-2' } })).toBe('us-east-2');
    expect(await region({ brokers: 'b-1.olist.x1y2.c2.kafka.sa-east-1.amazonaws.com:9098' })).toBe('sa-east-1');
    expect(await region({ brokers: 'boot-x1.c1.kafka-serverless.us-west-2.amazonaws.com:9098' })).toBe('us-west-2');
    for (const [kafka, says] of [
      [{ brokers: 'broker:9098' }, 'log.kafka.aws.region'],
      [{ cluster: 'olist' }, 'arn:aws:kafka'],
      [{ cluster, aws: { accessKeyId: 'env:ID' } }, 'secretAccessKey'],
      [{ cluster, aws: { accessKeyId: 'env:ID', secretAccessKey: 'env:KEY' } }, 'env:ID'],
    ] as const) {
      const error = await failure(mskAccess(settings(kafka), places));
      expect([error.code, `${error.message} ${error.hint}`]).toEqual(['KS_CONFIG', expect.stringContaining(says)]);
    }
  });

  it('are not shown without TLS', async () => {
    const kafka = settings({ brokers: 'b-1.x.kafka.eu-west-1.amazonaws.com:9098', sasl: 'aws-msk-iam' });
    expect(await failure(kafkaAccess(kafka, { env: {}, projectDir: '/' }, clock))).toMatchObject({
      code: 'KS_CONFIG',
      hint: expect.stringContaining('log.kafka.tls: true') as string,
    });
  });
});
