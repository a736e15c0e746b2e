/** Settings given outside the file: `--set ingest.port=50052` and `KEYSTONE_INGEST_PORT=50052`. */
import { parse } from 'yaml';
import { isKeystoneError, KeystoneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
import { issueText } from './config-problem.js';
import { allSettings, isSecret, openEntry, settingTables, type Setting } from './settings.js';

export interface Override {
  readonly setting: Setting;
  /** As the file would hold it. */
  readonly value: unknown;
  /** Where it was given, for people: `--set ingest.port` or `KEYSTONE_INGEST_PORT`. */
  readonly origin: string;
}

/** Variables that choose the file and the profile and are no settings. */
const CHOICE_VARIABLES = ['KEYSTONE_CONFIG', 'KEYSTONE_PROFILE'] as const;

/** Short names of settings that deployments set most; the full name of the same setting wins. */
const SHORT_VARIABLES: Readonly<Record<string, string>> = { KEYSTONE_BROKERS: 'log.kafka.brokers' };

/** The overrides of the environment. A variable that is empty counts as absent; one that no setting has is left alone (`doctor` names it). */
export function environmentOverrides(env: Readonly<Record<string, string | undefined>>): readonly Override[] {
  return allSettings().flatMap((setting) => {
    const short = Object.keys(SHORT_VARIABLES).filter((name) => SHORT_VARIABLES[name] === setting.path);
    const variable = [setting.variable, ...short].find((name) => (env[name] ?? '') !== '');
    const text = variable === undefined ? undefined : env[variable];
    return variable === undefined || text === undefined
      ? []
      : [{ setting, value: settingValue(setting, text, variable), origin: variable }];
  });
}

/** Names of `KEYSTONE_*` variables that mean nothing; those that a setting of `config` refers to (`env:NAME`) hold its secrets. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>, config: unknown = {}): readonly string[] {
  const known = new Set<string>([
    ...CHOICE_VARIABLES,
    ...Object.keys(SHORT_VARIABLES),
    ...allSettings().map((setting) => setting.variable),
    ...referredVariables(config),
  ]);
  return Object.keys(env).filter((name) => name.startsWith('KEYSTONE_') && !known.has(name));
}

function referredVariables(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.startsWith('env:') ? [value.slice('env:'.length)] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(referredVariables) : [];
}

/** The overrides of `--set key=value` flags; KS_USAGE for one without `=`, KS_CONFIG for an unknown key or a refused value. */
export function flagOverrides(given: readonly string[]): readonly Override[] {
  const settings = new Map(allSettings().map((setting) => [setting.path, setting]));
  return given.map((text) => {
    const equals = text.indexOf('=');
    if (equals <= 0)
      throw new KeystoneError('KS_USAGE', `--set "${text}" has no value`, { hint: 'write it like --set ingest.port=50052' });
    const key = text.slice(0, equals).trim();
    const setting: Setting | undefined = settings.get(key) ?? entryOf(key);
    if (!setting) {
      const near = nearestName(key, settings.keys());
      throw new KeystoneError('KS_CONFIG', `--set: there is no setting "${key}"`, {
        hint: near === undefined ? `settings: ${[...settings.keys()].join(', ')}` : `did you mean "${near}"?`,
      });
    }
    return { setting, value: settingValue(setting, text.slice(equals + 1), `--set ${key}`), origin: `--set ${key}` };
  });
}

/** A flag that stands for a setting. */
export interface GivenFlag {
  /** As it is typed, e.g. `--small-file`. */
  readonly flag: string;
  readonly setting: string;
  readonly text: string;
}

/** The overrides of such flags. @throws KeystoneError KS_USAGE naming the flag whose value is refused. */
export function ownFlagOverrides(given: readonly GivenFlag[]): readonly Override[] {
  const settings = new Map(allSettings().map((setting) => [setting.path, setting]));
  return given.map(({ flag, setting: path, text }) => {
    const setting = settings.get(path);
    if (!setting) throw new KeystoneError('KS_INTERNAL', `${flag} stands for "${path}", which is no setting`);
    try {
      return { setting, value: settingValue(setting, text, flag), origin: flag };
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      throw new KeystoneError('KS_USAGE', error.message, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  });
}

/** The entry of a table, e.g. `ingest.tokens.shop-a`. @throws KeystoneError KS_CONFIG for a table without a name in it. */
function entryOf(key: string): Setting | undefined {
  const table = settingTables().find(({ path }) => key === path || key.startsWith(`${path}.`));
  if (!table) return undefined;
  const name = key.slice(table.path.length + 1);
  if (name !== '') return table.entry(name);
  const { path } = openEntry(table);
  throw new KeystoneError('KS_CONFIG', `--set: ${table.path} is a table, and its settings are ${path}`, {
    hint: `write it like --set ${path}=env:NAME`,
  });
}

/** The text as YAML would read it where the setting takes that, else as it is (so that a folder may be called `2017`). */
function settingValue(setting: Setting, text: string, origin: string): unknown {
  const read = yamlScalar(text);
  const first = setting.schema.safeParse(read);
  if (first.success) return read;
  if (setting.schema.safeParse(text).success) return text;
  const [issue] = first.error.issues;
  // What was written in the place of a secret's reference may be the secret.
  const given = isSecret(setting) ? '' : ` (given: "${text}")`;
  throw new KeystoneError('KS_CONFIG', `${origin}: ${issue ? issueText(issue) : 'invalid value'}${given}`, {
    hint: setting.description === '' ? 'docs/configuration.md lists the settings' : `${setting.path}: ${setting.description}`,
  });
}

function yamlScalar(text: string): unknown {
  try {
    return parse(text, { logLevel: 'error' }) as unknown;
  } catch {
    return text;
  }
}
