/** The configuration that holds, setting by setting, with the place each value comes from. */
import { redactText } from '../logging/redaction.js';
import type { LoadedConfig } from './load-config.js';
import { allSettings, settingTables, type Setting } from './settings.js';

export interface ShownSetting {
  readonly setting: string;
  /** Paths are absolute, sizes bytes, durations milliseconds. */
  readonly value: string | number | boolean | null;
  /** `default`, `keystone.yaml`, `profile local`, `KEYSTONE_INGEST_PORT` or `--set ingest.port`. */
  readonly origin: string;
}

export function showConfig({ config, overrides, written }: LoadedConfig): readonly ShownSetting[] {
  const origins = new Map(overrides.map(({ setting, origin }) => [settingKey(setting), origin]));
  const inFile = (setting: Setting): boolean => {
    const { steps } = setting;
    return at(written, setting.scope === 'project' ? steps : ['profiles', config.profileName, ...steps]) !== undefined;
  };
  const holderOf = ({ scope }: Pick<Setting, 'scope'>): unknown => (scope === 'project' ? config : config.profile);
  // A table's entries are those that are there.
  const entries = settingTables().flatMap((table) =>
    Object.keys(at(holderOf(table), table.path.split('.')) ?? {}).map((name) => table.entry(name)),
  );
  return [...allSettings(), ...entries].map((setting) => {
    const value = at(holderOf(setting), setting.steps);
    const file = setting.scope === 'project' ? 'keystone.yaml' : `profile ${config.profileName}`;
    return {
      setting: setting.path,
      // An address may hold a password, though it should not.
      value:
        typeof value === 'string' ? redactText(value) : typeof value === 'number' || typeof value === 'boolean' ? value : null,
      origin: origins.get(settingKey(setting)) ?? (inFile(setting) ? file : 'default'),
    };
  });
}

const settingKey = (setting: Setting): string => `${setting.scope}/${setting.path}`;

function at(value: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>(
    (held, step) =>
      typeof held === 'object' && held !== null && Object.hasOwn(held, step)
        ? (held as Record<string, unknown>)[step]
        : undefined,
    value,
  );
}
