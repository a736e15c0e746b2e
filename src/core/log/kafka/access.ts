/** How this client reaches the brokers and shows who it is, from `log.kafka`; files and secrets are read here. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ProfileConfig } from '../../config/config.js';
import { resolveSecret, type Secret } from '../../config/secrets.js';
import { KeystoneError, messageOf } from '../../errors.js';
import type { FailurePlace } from './failure.js';

export type KafkaConfig = ProfileConfig['log']['kafka'];

export interface SecretPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectDir: string;
}

export interface KafkaAccess extends FailurePlace {
  readonly seeds: readonly { readonly host: string; readonly port: number }[];
  readonly clientId: string;
  /** As `tls.connect` takes them; null: no TLS. */
  readonly ssl: object | null;
  /** As kafkajs takes them; null: none. */
  readonly saslOptions: object | null;
}

/** Throws KS_CONFIG where a setting is missing or a file or secret can't be read. */
export async function kafkaAccess(config: KafkaConfig, places: SecretPlaces): Promise<KafkaAccess> {
  const brokers = (config.brokers ?? '').split(',').map((broker) => broker.trim());
  if (brokers.every((broker) => broker === ''))
    throw new KeystoneError('KS_CONFIG', 'log.adapter is kafka, but no broker is named', {
      hint: 'set log.kafka.brokers: host:9092,… in the profile, or --set log.kafka.brokers=…',
    });
  return {
    seeds: brokers.filter((broker) => broker !== '').map(addressOf),
    clientId: config.clientId,
    ssl: config.tls ? await tlsOptions(config, places.projectDir) : null,
    saslOptions: await saslOptions(config, places),
    brokers: brokers.join(','),
    tls: config.tls,
    sasl: config.sasl,
  };
}

/** `host:port`, an IPv6 host in brackets. */
function addressOf(broker: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(broker);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port > 0 && port < 65_536) return { host, port };
  throw new KeystoneError('KS_CONFIG', `log.kafka.brokers: "${broker}" is no host:port`, { hint: 'write it like broker-1:9092' });
}

async function tlsOptions({ ca, certificate, key }: KafkaConfig, projectDir: string): Promise<object> {
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

async function saslOptions(config: KafkaConfig, places: SecretPlaces): Promise<object | null> {
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
    case 'aws-msk-iam':
      throw new KeystoneError('KS_CONFIG', 'log.kafka.sasl: aws-msk-iam is not there yet', {
        hint: 'MSK also takes scram-sha-512 (Secrets Manager) and mutual TLS',
      });
  }
}
