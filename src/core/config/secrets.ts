/** Secrets are named in the configuration (`env:NAME`, `file:PATH`), never written there, and never printed. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';

/** A secret's value that shows itself to nothing but `reveal()`: not to string templates, JSON, or `console.log`. */
export class Secret {
  readonly reference: string;
  readonly #value: string;

  constructor(reference: string, value: string) {
    this.reference = reference;
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return `[secret ${this.reference}]`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** Every value that this process has read as a secret, for the redaction of what it writes. */
const known = new Map<string, Secret>();

export const knownSecrets = (): readonly Secret[] => [...known.values()];

/** Variables that vendors' code reads by itself. */
const FOREIGN = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN', 'PGPASSWORD'];

/** So that what a vendor's code puts into its errors is taken out too. */
export function rememberForeignSecrets(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of FOREIGN) {
    const value = env[name];
    if (value) rememberSecret(new Secret(`env:${name}`, value));
  }
}

/** Remembers a secret that did not come through `resolveSecret`, e.g. one of the environment that an SDK reads by itself. */
export function rememberSecret(secret: Secret): Secret {
  const value = secret.reveal();
  known.set(value, secret);
  // Of an address with a password, the password alone is one too.
  const [, user, password] = /^[a-z][a-z0-9+.-]*:\/\/([^\s/@:]*):([^\s/@]+)@/i.exec(value) ?? [];
  if (password !== undefined && password !== user) {
    for (const form of [password, decoded(password)]) known.set(form, new Secret(secret.reference, form));
  }
  return secret;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads what the reference names; relative files lie in the project's folder, one line end at their end is no part of the secret. KS_CONFIG when it is absent or empty. */
export async function resolveSecret(
  reference: string,
  from: { readonly env: Readonly<Record<string, string | undefined>>; readonly projectDir: string },
): Promise<Secret> {
  const colon = reference.indexOf(':');
  const [kind, name] = [reference.slice(0, colon), reference.slice(colon + 1)];
  if (kind === 'env') {
    const value = from.env[name];
    if (value === undefined || value === '') {
      throw new KeystoneError('KS_CONFIG', `the secret ${reference} is not set`, { hint: `export ${name}=… before the command` });
    }
    return rememberSecret(new Secret(reference, value));
  }
  if (kind === 'file') {
    const file = path.resolve(from.projectDir, name);
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new KeystoneError('KS_CONFIG', `the secret ${reference} cannot be read`, {
        hint: `check that ${file} exists and may be read`,
        cause,
      });
    });
    const value = text.replace(/\r?\n$/, '');
    if (value === '') throw new KeystoneError('KS_CONFIG', `the secret ${reference} is empty`, { hint: `write it to ${file}` });
    return rememberSecret(new Secret(reference, value));
  }
  // The text may be the secret itself: it is not repeated.
  throw new KeystoneError('KS_CONFIG', 'a secret is given by reference only', { hint: 'write env:NAME or file:PATH' });
}

/** Replaces every occurrence of the secrets in a text that leaves the process. */
export function redact(text: string, secrets: readonly Secret[]): string {
  return secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret.reveal(), secret.toString()), text);
}
