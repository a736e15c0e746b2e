/** The project's configuration as a command sees it: file, profile, environment and flags put together. */
import type { LoadedConfig } from '../core/config/load-config.js';

/** Flag of a command → the setting that it stands for, e.g. `{ 'max-memory': 'consume.maxMemory' }`. */
export type FlagSettings = Readonly<Record<string, string>>;

/** The flags of every command that choose the configuration; the command's own stand beside them. */
export interface ProjectFlags {
  readonly profile?: string;
  readonly config?: string;
  readonly set?: readonly string[];
}

/** Global flags that stand for settings. */
const GLOBAL_SETTINGS: FlagSettings = { 'log-format': 'logging.format', 'log-level': 'logging.level' };

/** `flags` are a command's own that stand for settings. @throws KeystoneError KS_CONFIG, KS_USAGE. */
export async function loadProject(given: ProjectFlags, flags: FlagSettings): Promise<LoadedConfig> {
  const { loadConfigWithOrigins } = await import('../core/config/load-config.js');
  const { config, profile, set } = given;
  const values: Readonly<Record<string, unknown>> = { ...given };
  const own = Object.entries({ ...GLOBAL_SETTINGS, ...flags }).flatMap(([flag, setting]) =>
    values[flag] === undefined ? [] : [{ flag: `--${flag}`, setting, text: String(values[flag]) }],
  );
  return loadConfigWithOrigins({
    cwd: process.cwd(),
    env: process.env,
    configPath: config,
    profile,
    ...(set ? { set } : {}),
    flags: own,
  });
}
