/**
 * Every setting of `keystone.yaml` as a flat list, read from the schema: the names that `--set` and `KEYSTONE_*` accept, and the
 * rows of `docs/configuration.md`.
 */
import { z } from 'zod';
import { keystoneConfig, profileConfig } from './config.js';
import { secretReference } from './setting-values.js';

export interface Setting {
  /** As `--set` takes it, e.g. `ingest.port`; those of a profile without its name, e.g. `log.path`. */
  readonly path: string;
  /** Where the value lies; not the path split at its dots where a name may hold one, as a producer's in `ingest.tokens`. */
  readonly steps: readonly string[];
  readonly scope: 'project' | 'profile';
  readonly description: string;
  /** As one would write it in the file. */
  readonly defaultText: string;
  readonly schema: z.ZodType;
}

/** `ingest.maxInFlight` → `KEYSTONE_INGEST_MAX_IN_FLIGHT`. */
const variableName = (path: string): string =>
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

/** One whose name the schema knows; an entry of a table has no variable, because none could hold its name. */
export interface NamedSetting extends Setting {
  /** e.g. `KEYSTONE_INGEST_PORT`. */
  readonly variable: string;
}

/** A table of settings whose names the project chooses, e.g. `ingest.tokens`. */
export interface SettingTable {
  readonly path: string;
  readonly scope: Setting['scope'];
  readonly description: string;
  /** The setting of one name; `<producer>` where the name is open. */
  entry(name: string): Setting;
}

/** What the names of a table are, for people. */
const NAMES: Readonly<Record<string, string>> = { 'ingest.tokens': 'producer' };

const tableOf = (path: string, scope: Setting['scope'], schema: z.ZodRecord, description: string): SettingTable => ({
  path,
  scope,
  description,
  entry: (name) => ({
    path: `${path}.${name}`,
    steps: [...path.split('.'), name],
    scope,
    description,
    defaultText: '',
    schema: schema.valueType as z.ZodType,
  }),
});

function collect(
  object: z.ZodType,
  scope: Setting['scope'],
  prefix: string,
  found: NamedSetting[],
  tables: SettingTable[],
): void {
  if (!(object instanceof z.ZodObject)) return;
  for (const [name, field] of Object.entries(object.shape)) {
    const path = prefix + name;
    const bare = inner(field);
    if (bare instanceof z.ZodRecord) {
      // The profiles are no table of settings: each holds all of its own.
      if (bare.valueType !== profileConfig) tables.push(tableOf(path, scope, bare, field.description ?? ''));
    } else if (bare instanceof z.ZodObject) collect(bare, scope, `${path}.`, found, tables);
    else
      found.push({
        path,
        steps: path.split('.'),
        variable: variableName(path),
        scope,
        description: field.description ?? '',
        defaultText: defaultOf(field),
        schema: field,
      });
  }
}

function collectAll(): { readonly found: readonly NamedSetting[]; readonly tables: readonly SettingTable[] } {
  const found: NamedSetting[] = [];
  const tables: SettingTable[] = [];
  collect(keystoneConfig, 'project', '', found, tables);
  collect(profileConfig, 'profile', '', found, tables);
  return { found, tables };
}

/** All settings with names of their own: those of the project first, then those of a profile, in the order of the schema. */
export const allSettings = (): readonly NamedSetting[] => collectAll().found;

/** The tables of settings. */
export const settingTables = (): readonly SettingTable[] => collectAll().tables;

/** A table's entry with its name left open, e.g. `ingest.tokens.<producer>`. */
export const openEntry = (table: SettingTable): Setting => table.entry(`<${NAMES[table.path] ?? 'name'}>`);

/** Whether a value is a secret's reference, so that what was given in its place may be the secret itself. */
export const isSecret = ({ schema }: Setting): boolean => inner(schema) === secretReference;
