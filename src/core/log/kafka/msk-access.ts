/** Who asks Amazon MSK, and in which region: for its signed tokens and for the addresses of its brokers. */
import { resolveSecret } from '../../config/secrets.js';
import { KeystoneError } from '../../errors.js';
import type { KafkaConfig, SecretPlaces } from './access.js';

export interface MskAccess {
  readonly region: string;
  /** Another endpoint of its API than that of AWS; null: that of AWS. */
  readonly endpoint: string | null;
  /** null: the SDK's chain of credentials. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
}

/** The fourth part of `arn:aws:kafka:<region>:<account>:cluster/<name>/<id>`. */
const CLUSTER = /^arn:[a-z0-9-]+:kafka:([a-z0-9-]+):\d{12}:cluster\/.+$/;
/** `b-1.name.id.c2.kafka.<region>.amazonaws.com` and the serverless `boot-id.c1.kafka-serverless.<region>.amazonaws.com`. */
const BROKER = /\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com/;

/** Throws KS_CONFIG when no region can be told, the ARN is none, or a secret is not there. */
export async function mskAccess({ aws, cluster, brokers }: KafkaConfig, places: SecretPlaces): Promise<MskAccess> {
  const ofCluster = cluster === undefined ? undefined : CLUSTER.exec(cluster)?.[1];
  if (cluster !== undefined && ofCluster === undefined)
    throw new KeystoneError('KS_CONFIG', `log.kafka.cluster: "${cluster}" is no ARN of an MSK cluster`, {
      hint: 'aws kafka list-clusters-v2 shows them: arn:aws:kafka:<region>:<account>:cluster/<name>/<id>',
    });
  const region = aws.region ?? ofCluster ?? BROKER.exec(brokers ?? '')?.[1];
  if (region === undefined)
    throw new KeystoneError(
      'KS_CONFIG',
      'the region of the MSK cluster can be read neither from log.kafka.cluster nor from its brokers’ names',
      {
        hint: 'set log.kafka.aws.region: a token that is signed for another region is refused',
      },
    );
  const { accessKeyId, secretAccessKey } = aws;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw new KeystoneError('KS_CONFIG', 'log.kafka.aws.accessKeyId and log.kafka.aws.secretAccessKey go together', {
      hint: 'set both, each as env:NAME or file:PATH, or neither: then the chain of credentials of the AWS SDK is asked',
    });
  const keys =
    accessKeyId === undefined || secretAccessKey === undefined
      ? null
      : await Promise.all([resolveSecret(accessKeyId, places), resolveSecret(secretAccessKey, places)]);
  return {
    region,
    endpoint: aws.endpoint ?? null,
    credentials: keys && { accessKeyId: keys[0].reveal(), secretAccessKey: keys[1].reveal() },
  };
}
