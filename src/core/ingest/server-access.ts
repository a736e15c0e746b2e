/** What a sender shows to an ingest server, and what it demands to see: TLS authority, client certificate, bearer token. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolveSecret, type Secret } from '../config/secrets.js';
import { KeystoneError, messageOf } from '../errors.js';
import { traceIdOf } from '../logging/trace-context.js';
import { hostOfAddress } from './server-address.js';

/** As a person gives it: files and references, each undefined where it was not given. */
export interface GivenAccess {
  /** TLS by the authorities that this machine trusts; `caFile` and a client certificate mean TLS too. */
  readonly tls: boolean;
  readonly caFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  /** `env:NAME` or `file:PATH`. */
  readonly token: string | undefined;
}

export interface ServerAccess {
  /** Null: no TLS. */
  readonly tls: { readonly ca: Buffer | null; readonly cert: Buffer | null; readonly key: Buffer | null } | null;
  readonly token: Secret | null;
  /** W3C trace context that this process was started in (`TRACEPARENT`), which its calls go on with. */
  readonly traceparent?: string;
}

export interface AccessEffects {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
  /** Told what works, and is a risk. */
  readonly warn: (text: string) => void;
}

export const OPEN_ACCESS: ServerAccess = { tls: null, token: null };

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

const readPem = async (file: string, flag: string): Promise<Buffer> => {
  const pem = await readFile(file).catch((cause: unknown) => {
    throw new KeystoneError('KS_CREDENTIALS', `${file} cannot be read: ${messageOf(cause)}`, { hint: `check ${flag}`, cause });
  });
  if (!pem.includes('-----BEGIN ')) {
    throw new KeystoneError('KS_CREDENTIALS', `${file} is no PEM file`, {
      hint: `check ${flag}: openssl x509 -in ${file} -text`,
    });
  }
  return pem;
};

/** @throws KeystoneError KS_CREDENTIALS for one whose time is over. */
function checkCertificate(pem: Buffer, file: string, nowMs: number): void {
  const endsMs = Date.parse(new X509Certificate(pem).validTo);
  if (endsMs > nowMs) return;
  throw new KeystoneError(
    'KS_CREDENTIALS',
    `the certificate in ${file} expired on ${new Date(endsMs).toISOString().slice(0, 10)}`,
    {
      hint: 'renew it, or name another with --tls-cert and --tls-key',
    },
  );
}

/**
 * Reads what was given for the server at `address`.
 * @throws KeystoneError KS_USAGE for what does not go together, or a token that would travel in the clear; KS_CREDENTIALS for a file
 *   that cannot be used; KS_CONFIG for a token that is not there.
 */
export async function readServerAccess(given: GivenAccess, address: string, effects: AccessEffects): Promise<ServerAccess> {
  const { caFile, certificateFile, keyFile } = given;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new KeystoneError('KS_USAGE', 'a certificate and its key go together', {
      hint: 'give both: --tls-cert FILE --tls-key FILE',
    });
  }
  const usesTls = given.tls || caFile !== undefined || certificateFile !== undefined;
  if (given.token !== undefined && !usesTls && !LOOPBACK.test(hostOfAddress(address))) {
    throw new KeystoneError('KS_USAGE', `the token would travel to ${address} in the clear`, {
      hint: 'send it over TLS: --tls, or --tls-ca FILE',
    });
  }
  const token = given.token === undefined ? null : await resolveSecret(given.token, { env: effects.env, projectDir: '.' });
  const { TRACEPARENT: traceparent } = effects.env;
  const trace = traceparent === undefined || traceIdOf(traceparent) === null ? {} : { traceparent };
  if (!usesTls) {
    if (token) effects.warn(`the token goes to ${address} without TLS, which no other machine may be sent`);
    return { tls: null, token, ...trace };
  }
  const [ca, cert, key] = await Promise.all([
    caFile === undefined ? null : readPem(caFile, '--tls-ca'),
    certificateFile === undefined ? null : readPem(certificateFile, '--tls-cert'),
    keyFile === undefined ? null : readPem(keyFile, '--tls-key'),
  ]);
  if (cert && certificateFile !== undefined) checkCertificate(cert, certificateFile, effects.nowMs);
  return { tls: { ca, cert, key }, token, ...trace };
}
