/**
 * The certificates of the doors (`ingest.tls`), read and checked before anything listens: a server that starts with an expired
 * certificate, or with another certificate's key, would refuse every client with nothing but a broken handshake.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ResolvedConfig } from '../config/config.js';
import { KeystoneError, messageOf } from '../errors.js';

export type TlsConfig = ResolvedConfig['ingest']['tls'];

/** What Node's TLS servers take; both doors speak TLS 1.2 and later. */
export interface DoorTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
  readonly minVersion: 'TLSv1.2';
  readonly requestCert: boolean;
  /** False with optional certificates: the door itself refuses what is shown and not verified (`peer-certificate.ts`). */
  readonly rejectUnauthorized: boolean;
  readonly expiresAtMs: number;
  /** For the operator: certificates that end soon. */
  readonly warnings: readonly string[];
}

const DAY_MS = 86_400_000;
const WARN_BEFORE_MS = 30 * DAY_MS;
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

const problem = (message: string, hint: string, cause?: unknown): KeystoneError =>
  new KeystoneError('KS_CONFIG', message, { hint, ...(cause === undefined ? {} : { cause }) });

const readPem = (file: string, setting: string): Promise<Buffer> =>
  readFile(file).catch((cause: unknown) => {
    throw problem(
      `${file} cannot be read (ingest.tls.${setting}): ${messageOf(cause)}`,
      `check ingest.tls.${setting} and that this user may read the file: ls -l ${file}`,
      cause,
    );
  });

/** All certificates of a PEM file, the first one first. */
function certificatesOf(pem: Buffer, file: string): readonly [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...rest] = (pem.toString('latin1').match(CERTIFICATES) ?? []).map((text) => new X509Certificate(text));
    if (first) return [first, ...rest];
  } catch (cause) {
    throw problem(
      `${file} holds a certificate that cannot be read: ${messageOf(cause)}`,
      `openssl x509 -in ${file} -text`,
      cause,
    );
  }
  throw problem(`${file} holds no PEM certificate`, `openssl x509 -in ${file} -text`);
}

function privateKeyOf(pem: Buffer, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw problem(`${file} holds no private key that can be read without a passphrase`, `openssl pkey -in ${file} -noout`, cause);
  }
}

/** @throws KeystoneError KS_CONFIG for settings that do not go together. */
function checkTogether({ certificate, key, clientCa, clientCertificate }: TlsConfig): void {
  const missing = (setting: string, because: string): KeystoneError =>
    problem(`ingest.tls.${setting} is missing: ${because}`, `add ${setting} below ingest.tls in keystone.yaml`);
  if (certificate !== undefined && key === undefined) throw missing('key', 'a certificate works with its private key only');
  if (certificate === undefined && (key ?? clientCa) !== undefined)
    throw missing('certificate', `without it ingest.tls.${key === undefined ? 'clientCa' : 'key'} does nothing`);
  if (clientCertificate === 'none') return;
  if (certificate === undefined) throw missing('certificate', `clientCertificate is ${clientCertificate}`);
  if (clientCa === undefined) throw missing('clientCa', `clientCertificate is ${clientCertificate}`);
}

function timesOf(
  certificate: X509Certificate,
  file: string,
  nowMs: number,
): { readonly endsMs: number; readonly soon: string | null } {
  const [startsMs, endsMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  if (endsMs <= nowMs) throw problem(`the certificate in ${file} expired on ${day(endsMs)}`, `renew it, and write it to ${file}`);
  if (startsMs > nowMs)
    throw problem(`the certificate in ${file} is not valid before ${day(startsMs)}`, 'check the clock of this machine: date');
  const days = Math.floor((endsMs - nowMs) / DAY_MS);
  const soon = endsMs - nowMs < WARN_BEFORE_MS ? `the certificate in ${file} expires in ${days} days (${day(endsMs)})` : null;
  return { endsMs, soon };
}

/**
 * Null: the doors speak without TLS.
 * @throws KeystoneError KS_CONFIG naming the file: unreadable, expired, not valid yet, no key or not this certificate's.
 */
export async function readDoorTls(tls: TlsConfig, nowMs: number): Promise<DoorTls | null> {
  checkTogether(tls);
  const { certificate, key, clientCa, clientCertificate } = tls;
  if (certificate === undefined || key === undefined) return null;
  const [cert, keyPem] = await Promise.all([readPem(certificate, 'certificate'), readPem(key, 'key')]);
  const [leaf] = certificatesOf(cert, certificate);
  if (!leaf.checkPrivateKey(privateKeyOf(keyPem, key))) {
    throw problem(
      `the key in ${key} does not belong to the certificate in ${certificate}`,
      `compare: openssl x509 -in ${certificate} -noout -pubkey; openssl pkey -in ${key} -pubout`,
    );
  }
  const { endsMs, soon } = timesOf(leaf, certificate, nowMs);
  const warnings = soon === null ? [] : [soon];
  let ca: Buffer | undefined;
  if (clientCa !== undefined && clientCertificate !== 'none') {
    ca = await readPem(clientCa, 'clientCa');
    for (const authority of certificatesOf(ca, clientCa)) {
      const times = timesOf(authority, clientCa, nowMs);
      if (times.soon !== null) warnings.push(times.soon);
    }
  }
  return {
    cert,
    key: keyPem,
    ca,
    minVersion: 'TLSv1.2',
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'required',
    expiresAtMs: endsMs,
    warnings,
  };
}
