/** The addresses of an MSK cluster's brokers, by the way in which they are spoken to (GetBootstrapBrokers). */
import { GetBootstrapBrokersCommand, KafkaClient, type GetBootstrapBrokersCommandOutput } from '@aws-sdk/client-kafka';
import { KeystoneError, messageOf } from '../../errors.js';
import type { KafkaConfig } from './access.js';
import type { MskAccess } from './msk-access.js';

type Way = 'plaintext' | 'tls' | 'scram' | 'iam';
type Answer = Omit<GetBootstrapBrokersCommandOutput, '$metadata'>;
type Addresses = Readonly<Partial<Record<Way, keyof Answer>>>;

/** Where each answer's text is. Outside of the cluster's own network nothing is spoken in plaintext. */
const FIELDS: Readonly<Record<KafkaConfig['network'], Addresses>> = {
  private: {
    plaintext: 'BootstrapBrokerString',
    tls: 'BootstrapBrokerStringTls',
    scram: 'BootstrapBrokerStringSaslScram',
    iam: 'BootstrapBrokerStringSaslIam',
  },
  public: {
    tls: 'BootstrapBrokerStringPublicTls',
    scram: 'BootstrapBrokerStringPublicSaslScram',
    iam: 'BootstrapBrokerStringPublicSaslIam',
  },
  vpc: {
    tls: 'BootstrapBrokerStringVpcConnectivityTls',
    scram: 'BootstrapBrokerStringVpcConnectivitySaslScram',
    iam: 'BootstrapBrokerStringVpcConnectivitySaslIam',
  },
};
const TRIES = 4;

/** Throws KS_CONFIG for a way that MSK does not know: it costs no question to tell. */
function wayOf({ tls, sasl }: KafkaConfig): Way {
  const never = (what: string, hint: string): never => {
    throw new KeystoneError('KS_CONFIG', `MSK does not offer ${what}`, { hint });
  };
  if (!tls) return sasl === 'none' ? 'plaintext' : never(`${sasl} without TLS`, 'set log.kafka.tls: true');
  switch (sasl) {
    case 'none':
      return 'tls';
    case 'scram-sha-512':
      return 'scram';
    case 'aws-msk-iam':
      return 'iam';
    default:
      return never(sasl, 'set log.kafka.sasl to aws-msk-iam, scram-sha-512, or none (mutual TLS)');
  }
}

/** `host:port,…`. Throws KS_CONFIG when the cluster does not offer the way, KS_CREDENTIALS when AWS refuses who asks, KS_LOG when it does not answer. */
export async function mskBrokers(config: KafkaConfig, { region, endpoint, credentials }: MskAccess): Promise<string> {
  const { cluster = '', network } = config;
  const way = wayOf(config);
  const client = new KafkaClient({
    region,
    ...(endpoint === null ? {} : { endpoint }),
    ...(credentials === null ? {} : { credentials }),
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: 3000, requestTimeout: 10_000, throwOnRequestTimeout: true },
  });
  try {
    const answer: Answer = await client.send(new GetBootstrapBrokersCommand({ ClusterArn: cluster })).catch((cause: unknown) => {
      throw refusal(cause, cluster, region);
    });
    const field = FIELDS[network][way];
    const found = field === undefined ? undefined : answer[field];
    if (found) return found;
    const offers = Object.entries(FIELDS).flatMap(([place, ways]) =>
      Object.entries(ways).flatMap(([name, each]) => (answer[each] ? [`${name} (${place})`] : [])),
    );
    throw new KeystoneError(
      'KS_CONFIG',
      `the MSK cluster ${cluster} has no ${network} address for ${way}: it offers ${offers.join(', ') || 'none yet'}`,
      {
        hint: 'turn it on in the cluster’s security settings, or choose by log.kafka.tls, log.kafka.sasl and log.kafka.network',
      },
    );
  } finally {
    client.destroy();
  }
}

const REFUSED =
  /UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|ExpiredToken|AccessDenied|Forbidden|Unauthorized|CredentialsProvider|InvalidClientToken/;

function refusal(cause: unknown, cluster: string, region: string): KeystoneError {
  const name = cause instanceof Error ? cause.name : '';
  if (REFUSED.test(name))
    return new KeystoneError(
      'KS_CREDENTIALS',
      `AWS in ${region} does not tell the brokers of ${cluster} (${name}: ${messageOf(cause)})`,
      {
        hint: 'allow kafka:GetBootstrapBrokers, or name the brokers in log.kafka.brokers; aws sts get-caller-identity shows who asks',
        cause,
      },
    );
  if (/NotFound|BadRequest/.test(name))
    return new KeystoneError('KS_CONFIG', `AWS in ${region} knows no MSK cluster ${cluster} (${name}: ${messageOf(cause)})`, {
      hint: 'aws kafka list-clusters-v2 shows them',
      cause,
    });
  return new KeystoneError('KS_LOG', `AWS in ${region} did not tell the brokers of ${cluster} (${name}: ${messageOf(cause)})`, {
    hint: 'check the network, or name the brokers in log.kafka.brokers',
    cause,
  });
}
