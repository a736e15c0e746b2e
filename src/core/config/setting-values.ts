/** The values of settings that are more than a text or a number, as one writes them and as the program holds them. */
import { z } from 'zod';
import { parseDuration, parseSize } from './units.js';

/** Bytes: a number, or text such as `512MB` or `1GiB`. */
export const sizeBytes = z.union([z.number().int().nonnegative(), z.string()]).transform((value, context) => {
  if (typeof value === 'number') return value;
  const size = parseSize(value);
  if (size !== null) return size;
  context.addIssue({ code: 'custom', message: `"${value}" is no size: write it like 512MB or 1GiB` });
  return z.NEVER;
});

/** The same, refused below `least` (as one writes it): what works with less stands still, or cannot keep its bound. */
export const sizeOfAtLeast = (least: string, why: string) =>
  sizeBytes.refine((bytes) => bytes >= (parseSize(least) ?? 0), { message: `is less than ${least}, the least: ${why}` });

/** Milliseconds: a number, or text such as `500ms`, `5s`, `2m`. */
export const durationMs = z.union([z.number().nonnegative(), z.string()]).transform((value, context) => {
  if (typeof value === 'number') return value;
  const ms = parseDuration(value);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: `"${value}" is no duration: write it like 500ms, 5s or 2m` });
  return z.NEVER;
});

/** A secret by reference only: `env:NAME` or `file:PATH`. Never the secret itself. */
export const secretReference = z
  .string()
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, 'a secret is given by reference: env:NAME or file:PATH');
