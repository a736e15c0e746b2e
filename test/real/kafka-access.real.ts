/** Who may come in: TLS, client certificates, SASL; and what is told to who may not. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../src/core/errors.js';
import { KAFKA_PASSWORD, KAFKA_USER } from '../services/kafka.js';
import { makeAuthority } from '../support/certificates.js';
import { tempDir } from '../support/temp-dir.js';
import { freshTopic, hasKafka, kafkaServer, openLog, type KafkaSettings } from './kafka-server.js';

const WRONG = 'not-the-password';

describe.skipIf(!hasKafka)('access to Kafka', () => {
  const kafka = kafkaServer({ secure: true });
  const patience = { firstMs: 3000 };

  const works = async (settings: KafkaSettings, env: Readonly<Record<string, string>> = {}): Promise<void> => {
    const topic = freshTopic('in');
    const log = await openLog(settings, env);
    expect(await log.ensureTopic(topic, 1)).toBe(1);
    await log.append(topic, [{ key: null, value: Buffer.from('in'), headers: [] }]);
    expect((await log.read(topic, 0, 0, { maxRecords: 1, maxBytes: 1 })).records).toHaveLength(1);
    await log.commitOffsets(`g-${topic}`, topic, new Map([[0, 1]]));
    expect(await log.committedOffsets(`g-${topic}`, topic)).toEqual(new Map([[0, 1]]));
  };
  /** The refusal, which comes at once and tells no secret. */
  const refused = async (settings: KafkaSettings, env: Readonly<Record<string, string>> = {}): Promise<KeystoneError> => {
    const startedAt = Date.now();
    const log = await openLog(settings, env, patience);
    const error = await log.bounds('t').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KeystoneError);
    expect(Date.now() - startedAt).toBeLessThan(12_000);
    const all = JSON.stringify([error, String(error), (error as KeystoneError).hint, String((error as KeystoneError).cause)]);
    for (const secret of [KAFKA_PASSWORD, WRONG]) expect(all).not.toContain(secret);
    return error as KeystoneError;
  };
  const sasl = (mechanism: string): KafkaSettings => ({
    brokers: kafka().saslBrokers,
    tls: true,
    ca: kafka().authority!.certificate,
    sasl: mechanism,
    username: KAFKA_USER,
    password: 'env:PASSWORD',
  });
  const token = (): string => {
    const part = (of: object): string => Buffer.from(JSON.stringify(of)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    return `${part({ alg: 'none' })}.${part({ sub: 'keystone', iat: now, exp: now + 600 })}.`;
  };

  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512']) {
    it(`lets in by ${mechanism}, and says that a wrong password is one`, async () => {
      await works(sasl(mechanism), { PASSWORD: KAFKA_PASSWORD });
      expect(await refused(sasl(mechanism), { PASSWORD: WRONG })).toMatchObject({
        code: 'KS_CREDENTIALS',
        hint: expect.stringContaining('log.kafka.password') as string,
      });
    });
  }

  it('lets in by OAUTHBEARER, and refuses a token that is none', async () => {
    const settings = { ...sasl('oauthbearer'), username: undefined, password: undefined, token: 'env:TOKEN' };
    await works(settings, { TOKEN: token() });
    expect(await refused(settings, { TOKEN: 'none' })).toMatchObject({ code: 'KS_CREDENTIALS' });
  });

  it('lets in by client certificate; without one, with an expired one and with that of another CA it does not', async () => {
    const authority = kafka().authority!;
    const dir = await tempDir();
    const settings = { brokers: kafka().mtlsBrokers, tls: true, ca: authority.certificate };
    await works({ ...settings, ...(await authority.sign('client')) });
    const expired = await authority.sign('expired', { days: -1 });
    const foreign = await (await makeAuthority(dir, 'other-ca')).sign('foreign');
    for (const shown of [{}, expired, foreign]) {
      const error = await refused({ ...settings, ...shown });
      expect([error.code, error.message]).toEqual(['KS_CREDENTIALS', expect.stringMatching(/certificate|alert/)]);
    }
  });

  it('does not trust brokers of an unknown CA, and names the setting', async () => {
    const other = await makeAuthority(await tempDir(), 'other-ca');
    for (const ca of [{}, { ca: other.certificate }]) {
      expect(await refused({ brokers: kafka().mtlsBrokers, tls: true, ...ca })).toMatchObject({
        code: 'KS_CREDENTIALS',
        message: expect.stringMatching(/certificate/) as string,
        hint: expect.stringContaining('log.kafka.ca') as string,
      });
    }
  });

  it('says so when TLS meets a port without it, and the other way round', async () => {
    expect(await refused({ brokers: kafka().brokers, tls: true, ca: kafka().authority!.certificate })).toMatchObject({
      code: expect.stringMatching(/KS_CREDENTIALS|KS_LOG/) as string,
      hint: expect.stringContaining('log.kafka') as string,
    });
    expect(await refused({ brokers: kafka().mtlsBrokers })).toMatchObject({
      code: 'KS_LOG',
      hint: expect.stringContaining('log.kafka.tls: true') as string,
    });
  });

  it('refuses settings that lack a part before it connects', async () => {
    const open = (settings: KafkaSettings) =>
      openLog(settings).then(
        () => null,
        (error: unknown) => error,
      );
    const certificate = kafka().authority!.certificate;
    expect(await readFile(certificate, 'utf8')).toContain('BEGIN CERTIFICATE');
    for (const [settings, names] of [
      [{}, 'log.kafka.brokers'],
      [{ brokers: 'no-port' }, 'no-port'],
      [{ brokers: 'a:1', tls: true, ca: '/nowhere/ca.pem' }, '/nowhere/ca.pem'],
      [{ brokers: 'a:1', tls: true, certificate }, 'log.kafka.key'],
      [{ brokers: 'a:1', sasl: 'plain' }, 'log.kafka.username'],
      [{ brokers: 'a:1', sasl: 'plain', username: 'u' }, 'log.kafka.password'],
      [{ brokers: 'a:1', sasl: 'plain', username: 'u', password: 'env:NOT_SET_HERE' }, 'env:NOT_SET_HERE'],
      [{ brokers: 'a:1', sasl: 'oauthbearer' }, 'log.kafka.token'],
    ] as const) {
      const error = (await open(settings)) as KeystoneError;
      expect([error.code, `${error.message} ${error.hint}`]).toEqual(['KS_CONFIG', expect.stringContaining(names)]);
    }
  });
});
