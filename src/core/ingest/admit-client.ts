/**
 * Who may come in, decided once from the configuration for every door.
 *
 * A bearer token that is shown has to be right, and names the producer; without one, a verified client certificate does. Where the
 * configuration asks for neither, everybody is admitted under the remote address. Tokens are kept and compared as SHA-256 digests,
 * all of them each time, so that neither length nor content shows in how long it takes.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { resolveSecret } from '../config/secrets.js';
import { KeystoneError } from '../errors.js';
import type { Admission, Admit, Credentials } from './client.js';

export interface AdmitOptions {
  /** Secret references by producer name (`ingest.tokens`). */
  readonly tokens: Readonly<Record<string, string>>;
  /** `ingest.tls.clientCertificate`. */
  readonly clientCertificate: 'none' | 'optional' | 'required';
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly projectDir: string;
}

interface KnownToken {
  readonly producer: string;
  readonly digest: Buffer;
}

const SHORTEST_TOKEN = 16;
const BEARER = /^Bearer +(?<token>\S+) *$/i;
const COMMON_NAME = /^CN=(?<name>.+)$/m;

const digestOf = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
const refused = (reason: string): Admission => ({ kind: 'refused', reason });

/** True when clients must prove who they are. */
const asksForProof = (options: Pick<AdmitOptions, 'tokens' | 'clientCertificate'>): boolean =>
  Object.keys(options.tokens).length > 0 || options.clientCertificate === 'required';

/** The common name of a subject as Node prints it (one `NAME=value` a line), else the whole subject on one line. */
export const producerOfSubject = (subject: string): string =>
  COMMON_NAME.exec(subject)?.groups?.['name'] ?? subject.replaceAll('\n', ', ');

/** IPv4 that came in over an IPv6 socket is written as IPv4: one client, one name. */
const clientAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '');

async function readTokens({ tokens, env, projectDir }: AdmitOptions): Promise<readonly KnownToken[]> {
  const known: KnownToken[] = [];
  for (const [producer, reference] of Object.entries(tokens)) {
    const token = (await resolveSecret(reference, { env, projectDir })).reveal();
    // A blank would end the token in the header; the message never tells of what it is made.
    if (token.length < SHORTEST_TOKEN || /\s/.test(token)) {
      throw new KeystoneError(
        'KS_CONFIG',
        `the token of ${producer} (${reference}) has to have ${SHORTEST_TOKEN} characters or more, and no blanks`,
        { hint: 'make one: openssl rand -hex 32' },
      );
    }
    const digest = digestOf(token);
    const twin = known.find((other) => other.digest.equals(digest));
    if (twin) {
      throw new KeystoneError('KS_CONFIG', `the producers ${twin.producer} and ${producer} have the same token`, {
        hint: `give ${producer} a token of its own in ingest.tokens`,
      });
    }
    known.push({ producer, digest });
  }
  return known;
}

/** @throws KeystoneError KS_CONFIG for a token that cannot be read or is too short, or that two producers share. */
export async function admitFromConfig(options: AdmitOptions): Promise<Admit> {
  const known = await readTokens(options);
  const mustProve = asksForProof(options);
  const wanted =
    options.clientCertificate === 'none'
      ? 'a bearer token is needed'
      : known.length === 0
        ? 'a client certificate is needed'
        : 'a bearer token or a client certificate is needed';

  const producerOfToken = (authorization: string): string | null => {
    const token = BEARER.exec(authorization)?.groups?.['token'];
    if (token === undefined) return null;
    const digest = digestOf(token);
    let producer: string | null = null;
    for (const candidate of known) if (timingSafeEqual(candidate.digest, digest)) producer = candidate.producer;
    return producer;
  };

  return ({ certificateSubject, authorization, remoteAddress }: Credentials): Admission => {
    if (known.length > 0 && authorization !== null) {
      if (!BEARER.test(authorization)) return refused('the authorization is no bearer token: it has to be "Bearer TOKEN"');
      const producer = producerOfToken(authorization);
      return producer === null
        ? refused('the bearer token is not valid')
        : { kind: 'admitted', client: { name: producer, producer } };
    }
    if (certificateSubject !== null) {
      const producer = producerOfSubject(certificateSubject);
      return { kind: 'admitted', client: { name: producer, producer } };
    }
    if (mustProve) return refused(wanted);
    return { kind: 'admitted', client: { name: clientAddress(remoteAddress), producer: null } };
  };
}
