/** How this client reaches the brokers and shows who it is, from `log.kafka`; files and secrets are read here. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../clock.js';
import type { ProfileConfig } from '../../config/config.js';
import { resolveSecret, type Secret } from '../../config/secrets.js';
import { KeystoneError, messageOf } from '../../errors.js';
import type { FailurePlace } from './failure.js';
import { mskAccess } from './msk-access.js';

export type KafkaConfig = ProfileConfig['log']['kafka'];

export interface SecretPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectDir: string;
}

/** PEM texts. */
export interface TlsFiles {
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaAccess extends FailurePlace {
  readonly seeds: readonly { readonly host: string; readonly port: number }[];
  readonly clientId: string;
  /** As `tls.connect` takes them; null: no TLS. */
  readonly ssl: TlsFiles | null;
  /** As kafkajs takes them; null: none. */
  readonly saslOptions: object | null;
}

/** Throws KS_CONFIG where a setting is missing or a file or secret can't be read; for an MSK cluster also what `mskBrokers` throws. */
export async function kafkaAccess(config: KafkaConfig, places: SecretPlaces, clock: Clock): Promise<KafkaAccess> {
  const ssl = config.tls ? await tlsOptions(config, places.projectDir) : null;
  const sasl = await saslOptions(config, places, clock);
  const brokers = (await bootstrap(config, places))
    .split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  return {
    seeds: brokers.map(addressOf),
    clientId: config.clientId,
    ssl,
    saslOptions: sasl,
    brokers: brokers.join(','),
    tls: config.tls,
    sasl: config.sasl,
  };
}

/** The brokers that are named; else those of the MSK cluster. */
async function bootstrap(config: KafkaConfig, places: SecretPlaces): Promise<string> {
  const { brokers = '', cluster } = config;
  if (/[^\s,]/.test(brokers)) return brokers;
  if (cluster !== undefined) {
    const { mskBrokers } = await import('./msk-brokers.js');
    return mskBrokers(config, await mskAccess(config, places));
  }
  throw new KeystoneError('KS_CONFIG', 'log.adapter is kafka, but no broker is named', {
    hint: 'set log.kafka.brokers: host:9092,… in the profile, KEYSTONE_BROKERS, or log.kafka.cluster: the ARN of an MSK cluster',
  });
}

/** `host:port`, an IPv6 host in brackets. */
function addressOf(broker: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(broker);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port > 0 && port < 65_536) return { host, port };
  throw new KeystoneError('KS_CONFIG', `log.kafka.brokers: "${broker}" is no host:port`, { hint: 'write it like broker-1:9092' });
}

async function tlsOptions({ ca, certificate, key }: KafkaConfig, projectDir: string): Promise<TlsFiles> {
  const pem = async (setting: string, file: string): Promise<string> => {
    const at = path.resolve(projectDir, file);
    return readFile(at, 'utf8').catch((cause: unknown) => {
      throw new KeystoneError('KS_CONFIG', `log.kafka.${setting}: ${at} cannot be read (${messageOf(cause)})`, {
        hint: 'name a PEM file that this user may read',
        cause,
      });
    });
  };
  if ((certificate === undefined) !== (key === undefined))
    throw new KeystoneError('KS_CONFIG', 'log.kafka.certificate and log.kafka.key belong together, and one is missing', {
      hint: 'mutual TLS needs both; drop both to connect without a client certificate',
    });
  return {
    ...(ca === undefined ? {} : { ca: [await pem('ca', ca)] }),
    ...(certificate === undefined ? {} : { cert: await pem('certificate', certificate) }),
    ...(key === undefined ? {} : { key: await pem('key', key) }),
  };
}

async function saslOptions(config: KafkaConfig, places: SecretPlaces, clock: Clock): Promise<object | null> {
  const secret = async (setting: 'password' | 'token'): Promise<Secret> => {
    const reference = config[setting];
    if (reference !== undefined) return resolveSecret(reference, places);
    throw new KeystoneError('KS_CONFIG', `log.kafka.sasl is ${config.sasl}, but log.kafka.${setting} is not set`, {
      hint: `set log.kafka.${setting}: env:NAME or file:PATH`,
    });
  };
  switch (config.sasl) {
    case 'none':
      return null;
    case 'plain':
    case 'scram-sha-256':
    case 'scram-sha-512': {
      if (config.username === undefined)
        throw new KeystoneError('KS_CONFIG', `log.kafka.sasl is ${config.sasl}, but log.kafka.username is not set`, {
          hint: 'set log.kafka.username',
        });
      return { mechanism: config.sasl, username: config.username, password: (await secret('password')).reveal() };
    }
    case 'oauthbearer':
      await secret('token');
      // Read anew for each connection: tokens are short-lived, and whatever writes the file replaces them.
      return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: (await secret('token')).reveal() }) };
    case 'aws-msk-iam': {
      if (!config.tls)
        throw new KeystoneError('KS_CONFIG', 'log.kafka.sasl is aws-msk-iam, which MSK takes over TLS only', {
          hint: 'set log.kafka.tls: true',
        });
      const { mskTokens } = await import('./msk-token.js');
      const token = await mskTokens(await mskAccess(config, places), clock);
      return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await token() }) };
    }
  }
}
