/**
 * The configuration that holds: flag `--set` > `KEYSTONE_*` > the profile or file > default. Paths become absolute against the
 * project's folder, wherever the command was started.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readYamlSource } from '../contract/yaml-source.js';
import { KeystoneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
import { keystoneConfig, type KeystoneConfig, type ResolvedConfig } from './config.js';
import { configError, describeIssues } from './config-problem.js';
import { findConfig } from './find-project.js';
import { environmentOverrides, flagOverrides, type GivenFlag, type Override, ownFlagOverrides } from './overrides.js';

export interface ConfigRequest {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--config`: a file, or a folder that holds keystone.yaml. */
  readonly configPath?: string | undefined;
  readonly profile?: string | undefined;
  /** `--set`, each `key=value`; the last of a key wins. */
  readonly set?: readonly string[];
  /** A command's own flags that stand for settings; they win over `--set`. */
  readonly flags?: readonly GivenFlag[];
}

export interface LoadedConfig {
  readonly config: ResolvedConfig;
  /** What was overridden, by setting path; later ones win. */
  readonly overrides: readonly Override[];
  /** The file's content as it was written; an empty file is `{}`. */
  readonly written: unknown;
}

/** Throws KS_NO_PROJECT, KS_CONFIG (with line and column for what the file says) or KS_USAGE. */
export const loadConfig = async (request: ConfigRequest): Promise<ResolvedConfig> =>
  (await loadConfigWithOrigins(request)).config;

export async function loadConfigWithOrigins(request: ConfigRequest): Promise<LoadedConfig> {
  const { cwd, env } = request;
  const configPath = await findConfig(cwd, request.configPath ?? (env['KEYSTONE_CONFIG'] || undefined));
  const { config: file, written } = await readConfigFile(configPath);
  const overrides = [...environmentOverrides(env), ...flagOverrides(request.set ?? []), ...ownFlagOverrides(request.flags ?? [])];
  const asked = request.profile ?? (env['KEYSTONE_PROFILE'] || undefined);
  const { profiles, ...project } = overlay(file, overrides, 'project');
  const profileName = asked ?? project.defaultProfile;
  const chosen = Object.hasOwn(profiles, profileName) ? profiles[profileName] : undefined;
  if (!chosen) throw noProfile(profileName, Object.keys(profiles), configPath);
  const profile = overlay(chosen, overrides, 'profile');
  const projectDir = path.dirname(configPath);
  const absolute = (given: string): string => path.resolve(projectDir, given);
  const config: ResolvedConfig = {
    ...project,
    contracts: absolute(project.contracts),
    models: absolute(project.models),
    ingest: {
      ...project.ingest,
      tls: absoluteFiles(project.ingest.tls, absolute),
      spool: { ...project.ingest.spool, path: absolute(project.ingest.spool.path) },
    },
    profileName,
    profile: {
      ...profile,
      log: { ...profile.log, path: absolute(profile.log.path) },
      store: {
        ...profile.store,
        path: absolute(profile.store.path),
        s3: { ...profile.store.s3, cache: absolute(profile.store.s3.cache) },
      },
      state: { ...profile.state, path: absolute(profile.state.path) },
    },
    projectDir,
    configPath,
  };
  return { config, overrides, written };
}

function absoluteFiles(
  tls: KeystoneConfig['ingest']['tls'],
  absolute: (given: string) => string,
): KeystoneConfig['ingest']['tls'] {
  const { certificate, key, clientCa, clientCertificate } = tls;
  return {
    clientCertificate,
    ...(certificate === undefined ? {} : { certificate: absolute(certificate) }),
    ...(key === undefined ? {} : { key: absolute(key) }),
    ...(clientCa === undefined ? {} : { clientCa: absolute(clientCa) }),
  };
}

async function readConfigFile(configPath: string): Promise<{ readonly config: KeystoneConfig; readonly written: unknown }> {
  const text = await readFile(configPath, 'utf8').catch((cause: unknown) => {
    throw new KeystoneError('KS_CONFIG', `${configPath} cannot be read`, { hint: 'check its permissions', cause });
  });
  const source = readYamlSource(text);
  if (source.syntaxErrors.length > 0) {
    throw configError(source.syntaxErrors.map(({ line, column, message }) => `${configPath}:${line}:${column}: ${message}`));
  }
  const written = source.value ?? {};
  const parsed = keystoneConfig.safeParse(written);
  if (!parsed.success) throw configError(describeIssues(configPath, source, parsed.error.issues));
  return { config: parsed.data, written };
}

/** A copy with the overrides of that scope set; values were checked against their setting's schema and are read by it here. */
function overlay<T extends object>(target: T, overrides: readonly Override[], scope: 'project' | 'profile'): T {
  const copy = structuredClone(target);
  for (const { setting, value } of overrides) {
    if (setting.scope !== scope) continue;
    const steps = [...setting.steps];
    const last = steps.pop() ?? '';
    let holder = copy as Record<string, unknown>;
    for (const step of steps) holder = holder[step] as Record<string, unknown>;
    holder[last] = setting.schema.parse(value);
  }
  return copy;
}

function noProfile(name: string, known: readonly string[], configPath: string): KeystoneError {
  const near = nearestName(name, known);
  return new KeystoneError('KS_CONFIG', `${configPath} has no profile "${name}"`, {
    hint: near === undefined ? `profiles: ${known.join(', ') || 'none'}` : `did you mean --profile ${near}?`,
  });
}
