/** What must not leave the process in a line or a message: values of secrets, passwords in addresses, credentials of requests. */
import { knownSecrets, redact } from '../config/secrets.js';

/** A shorter value would be found in every other word; it is no secret either. */
const SHORTEST = 4;

const ADDRESS_PASSWORD = /\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi;
const AUTHORIZATION = /\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/g;

/** The text without any secret that this process has read, longest first: one may be part of another. */
export function redactText(text: string): string {
  const secrets = knownSecrets().filter((secret) => secret.reveal().length >= SHORTEST);
  const longestFirst = secrets.toSorted((a, b) => b.reveal().length - a.reveal().length);
  return redact(text, longestFirst).replaceAll(ADDRESS_PASSWORD, '$1:***@').replaceAll(AUTHORIZATION, '$1 ***');
}

/** The same for all texts below a value, its names included. */
export function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, below]) => [redactText(name), redactValue(below)]));
}
