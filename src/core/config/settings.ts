/**
 * Every setting of `keystone.yaml` as a flat list, read from the schema: the names that `--set` and `KEYSTONE_*` accept, and the
 * rows of `docs/configuration.md`.
 */
import { z } from 'zod';
import { keystoneConfig, profileConfig } from './config.js';

export interface Setting {
  /** As `--set` takes it, e.g. `ingest.port`; those of a profile without its name, e.g. `log.path`. */
  readonly path: string;
  /** e.g. `KEYSTONE_INGEST_PORT`. */
  readonly variable: string;
  readonly scope: 'project' | 'profile';
  readonly description: string;
  /** As one would write it in the file. */
  readonly defaultText: string;
  readonly schema: z.ZodType;
}

/** `ingest.maxInFlight` → `KEYSTONE_INGEST_MAX_IN_FLIGHT`. */
export const variableName = (path: string): string =>
  `KEYSTONE_${path
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;

/** Removes `.default()`, `.prefault()` and `.optional()` around a schema. */
function inner(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return inner(schema.unwrap() as z.ZodType);
  }
  return schema;
}

function defaultOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return String(schema.def.defaultValue);
  return '';
}

function collect(object: z.ZodType, scope: Setting['scope'], prefix: string, found: Setting[]): void {
  if (!(object instanceof z.ZodObject)) return;
  for (const [name, field] of Object.entries(object.shape)) {
    const path = prefix + name;
    const bare = inner(field);
    if (bare instanceof z.ZodRecord) continue;
    if (bare instanceof z.ZodObject) collect(bare, scope, `${path}.`, found);
    else
      found.push({
        path,
        variable: variableName(path),
        scope,
        description: field.description ?? '',
        defaultText: defaultOf(field),
        schema: field,
      });
  }
}

/** All settings: those of the project first, then those of a profile, in the order of the schema. */
export function allSettings(): readonly Setting[] {
  const found: Setting[] = [];
  collect(keystoneConfig, 'project', '', found);
  collect(profileConfig, 'profile', '', found);
  return found;
}
