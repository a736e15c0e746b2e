/**
 * Tokens for Amazon MSK's IAM authentication: a request to connect, signed by the caller's credentials (SigV4), as the token of
 * SASL/OAUTHBEARER (https://github.com/aws/aws-msk-iam-sasl-signer-js). The signer is an optional package, loaded when it is asked for.
 */
import type { Clock } from '../../clock.js';
import { KeystoneError, messageOf } from '../../errors.js';
import type { MskAccess } from './msk-access.js';

const PACKAGE = 'aws-msk-iam-sasl-signer-js';

/** The part of the signer that is used. */
export interface MskSigner {
  generateAuthToken(options: { readonly region: string }): Promise<SignedToken>;
  generateAuthTokenFromCredentialsProvider(options: {
    readonly region: string;
    readonly awsCredentialsProvider: () => Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;
  }): Promise<SignedToken>;
}

interface SignedToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiryTime: number;
}

const loadSigner = async (): Promise<MskSigner> => import('aws-msk-iam-sasl-signer-js');

/**
 * What gives a token that still holds for half of its life at least: the brokers end a session with its token, and a connection shows a
 * new one shortly before. Throws KS_CONFIG when the signer is not installed. The function it resolves to throws KS_CREDENTIALS.
 */
export async function mskTokens(
  { region, credentials }: MskAccess,
  clock: Clock,
  load: () => Promise<MskSigner> = loadSigner,
): Promise<() => Promise<string>> {
  const signer = await load().catch((cause: unknown) => {
    throw new KeystoneError('KS_CONFIG', `log.kafka.sasl is aws-msk-iam, and its signer cannot be loaded: ${messageOf(cause)}`, {
      hint: `npm install ${PACKAGE}, or npm install --global ${PACKAGE} where keystone is installed globally`,
      cause,
    });
  });
  let current: { readonly token: string; readonly renewAtMs: number } | null = null;
  let asking: Promise<string> | null = null;
  const sign = async (): Promise<string> => {
    const startedAtMs = clock.nowMs();
    try {
      const { token, expiryTime } = credentials
        ? await signer.generateAuthTokenFromCredentialsProvider({ region, awsCredentialsProvider: async () => credentials })
        : await signer.generateAuthToken({ region });
      current = { token, renewAtMs: startedAtMs + (expiryTime - startedAtMs) / 2 };
      return token;
    } catch (cause) {
      throw new KeystoneError('KS_CREDENTIALS', `no token for MSK in ${region} could be signed: ${messageOf(cause)}`, {
        hint: 'aws sts get-caller-identity shows who the SDK’s chain of credentials takes you for; or set log.kafka.aws.accessKeyId and log.kafka.aws.secretAccessKey',
        cause,
      });
    } finally {
      asking = null;
    }
  };
  return () => {
    if (current && clock.nowMs() < current.renewAtMs) return Promise.resolve(current.token);
    // Connections that are opened together share one.
    asking ??= sign();
    return asking;
  };
}
