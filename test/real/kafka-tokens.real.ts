/** Tokens that end: signed by IAM as MSK takes them, and shown anew on connections that stay open (KIP-368). */
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { profileConfig } from '../../src/core/config/config.js';
import { KeystoneError } from '../../src/core/errors.js';
import { kafkaAccess } from '../../src/core/log/kafka/access.js';
import { vendorBroker, type VendorBroker } from '../../src/core/log/kafka/vendor.js';
import { systemEffects } from '../support/effects.js';
import { tempDir } from '../support/temp-dir.js';
import { freshTopic, hasKafka, kafkaServer, openLog, type KafkaSettings } from './kafka-server.js';

/** Sessions end after this long; brokers refuse to be shown credentials twice within a second. */
const SESSION_MS = 4000;
const KEY_ID = 'AKIDEXAMPLE';
const SECRET = 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY';
const CHECKER = readFileSync(path.resolve('test/services/PresignedTokens.java'), 'utf8');
const DOOR = 'listener.name.sasl_ssl.oauthbearer';

const event = { key: null, value: Buffer.from('in'), headers: [] };

/** A broker as the adapter opens it, to look at its connection. */
async function connected(settings: KafkaSettings, env: Readonly<Record<string, string>>): Promise<VendorBroker> {
  const { kafka } = profileConfig.parse({ log: { kafka: settings } }).log;
  const { seeds, ssl, saslOptions, clientId } = await kafkaAccess(kafka, { env, projectDir: '/' }, systemEffects().clock);
  const { host, port } = seeds[0]!;
  const times = { connectionTimeout: 5000, requestTimeout: 20_000 };
  const broker = vendorBroker({ host, port, clientId, ssl, sasl: saslOptions, ...times }, null);
  onTestFinished(() => broker.disconnect());
  await broker.connect();
  return broker;
}

/** Asks again and again for more than two sessions; how often the credentials were shown meanwhile, on one socket. */
async function renewals(broker: VendorBroker): Promise<number> {
  const [connection] = broker.connectionPool.pool;
  const { socket } = connection!;
  const shown = new Set<string>();
  const startedAt = Date.now();
  while (Date.now() - startedAt < 2.5 * SESSION_MS) {
    await broker.metadata([]);
    shown.add(String(connection!.authenticatedAt));
    await delay(100);
  }
  expect(socket).toBeDefined();
  expect(connection!.socket).toBe(socket);
  return shown.size - 1;
}

describe.skipIf(!hasKafka)('tokens signed by IAM', () => {
  const kafka = kafkaServer({
    secure: true,
    classes: { PresignedTokens: CHECKER },
    settings: [
      `${DOOR}.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker" keyId="${KEY_ID}" secret="${SECRET}";`,
      `${DOOR}.sasl.server.callback.handler.class=PresignedTokens`,
      `${DOOR}.connections.max.reauth.ms=${SESSION_MS}`,
    ],
  });
  const settings = (): KafkaSettings => ({
    brokers: kafka().saslBrokers,
    tls: true,
    ca: kafka().authority!.certificate,
    sasl: 'aws-msk-iam',
    aws: { region: 'sa-east-1', accessKeyId: 'env:ID', secretAccessKey: 'env:KEY' },
  });
  const env = { ID: KEY_ID, KEY: SECRET };

  it('let in, and a connection shows them again in time and stays open', async () => {
    const log = await openLog(settings(), env);
    const topic = freshTopic('iam');
    await log.ensureTopic(topic, 1);
    await log.append(topic, [event]);
    const count = await renewals(await connected(settings(), env));
    expect(count).toBeGreaterThanOrEqual(2);
    // After a session without a word.
    expect((await log.read(topic, 0, 0, { maxRecords: 1, maxBytes: 1 })).records).toHaveLength(1);
    await log.append(topic, [event]);
    expect(await log.bounds(topic)).toEqual([{ partition: 0, startOffset: 0, endOffset: 2 }]);
  });

  it('of another secret, or of an unknown key, do not, and neither is told', async () => {
    for (const wrong of [
      { ID: KEY_ID, KEY: 'another-secret' },
      { ID: 'AKIDOTHER', KEY: SECRET },
    ]) {
      const log = await openLog(settings(), wrong, { firstMs: 3000 });
      const error = (await log.bounds('t').catch((reason: unknown) => reason)) as KeystoneError;
      expect(error).toBeInstanceOf(KeystoneError);
      expect(error).toMatchObject({ code: 'KS_CREDENTIALS', hint: expect.stringContaining('log.kafka.aws') as string });
      const all = `${JSON.stringify(error)} ${String(error)} ${error.hint} ${String(error.cause)} ${error.stack}`;
      expect(all).not.toContain(SECRET);
      expect(all).not.toContain('another-secret');
    }
  });
});

describe.skipIf(!hasKafka)('tokens in a file', () => {
  const kafka = kafkaServer({ secure: true, settings: [`${DOOR}.connections.max.reauth.ms=${SESSION_MS}`] });

  it('are read again while a connection is open: who replaces the file in time notices nothing, who does not is refused', async () => {
    const file = path.join(await tempDir(), 'token');
    const write = async (text: string): Promise<void> => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    const token = (): string => {
      const part = (of: object): string => Buffer.from(JSON.stringify(of)).toString('base64url');
      const now = Math.floor(Date.now() / 1000);
      return `${part({ alg: 'none' })}.${part({ sub: 'keystone', iat: now, exp: now + 600 })}.`;
    };
    const settings = {
      brokers: kafka().saslBrokers,
      tls: true,
      ca: kafka().authority!.certificate,
      sasl: 'oauthbearer',
      token: `file:${file}`,
    };
    await write(token());
    const log = await openLog(settings);
    const topic = freshTopic('token');
    await log.ensureTopic(topic, 1);
    await log.append(topic, [event]);
    expect(await renewals(await connected(settings, {}))).toBeGreaterThanOrEqual(2);
    await write('none');
    let taken = 1;
    const refused = async (): Promise<unknown> => {
      for (;;) {
        try {
          await log.append(topic, [event]);
          taken++;
          await delay(100);
        } catch (error) {
          return error;
        }
      }
    };
    expect(await refused()).toMatchObject({ code: 'KS_CREDENTIALS' });
    await write(token());
    await log.append(topic, [event]);
    expect(await log.bounds(topic)).toEqual([{ partition: 0, startOffset: 0, endOffset: taken + 1 }]);
  });
});
