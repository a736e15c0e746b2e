/** `keystone doctor`: is this machine ready, is the project sound, and if not, what is to be done? */
import path from 'node:path';
import type { ResolvedConfig } from '../config/config.js';
import { unknownVariables } from '../config/overrides.js';
import { ERROR_CODES } from '../errors.js';
import { openLakehouse, type Effects } from '../lakehouse.js';
import { diskChecks } from './disk-checks.js';
import { examine, ok, skipped, type DoctorCheck } from './doctor-check.js';
import { engineChecks } from './engine-checks.js';
import { doorChecks } from './door-checks.js';
import { localLakeFolder } from '../store/lake-place.js';
import { brokerChecks } from './broker-checks.js';
import { bucketChecks } from './bucket-checks.js';
import { catalogChecks } from './catalog-checks.js';
import { clockCheck, nodeCheck, portCheck, variablesCheck } from './machine-checks.js';
import { metricsChecks } from './metrics-checks.js';
import { projectChecks } from './project-checks.js';
import { spoolChecks } from './spool-checks.js';

export interface DoctorRequest {
  readonly effects: Effects;
  /** `process.version`. */
  readonly nodeVersion: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Rejects when there is no valid configuration; the checks that need none still run. */
  readonly project: () => Promise<ResolvedConfig>;
}

export interface DoctorReport {
  readonly checks: readonly DoctorCheck[];
  /** 0, or that of the worst failure: 4 configuration, 5 unreachable. */
  readonly exitCode: number;
}

export async function runDoctor({ effects, nodeVersion, env, project }: DoctorRequest): Promise<DoctorReport> {
  let config: ResolvedConfig | undefined;
  const configuration = await examine('configuration', 'KS_CONFIG', async () => {
    config = await project();
    return ok('configuration', `${config.configPath}, profile ${config.profileName}`);
  });
  const variables = variablesCheck(unknownVariables(env, config));
  const checks: DoctorCheck[] = [nodeCheck(nodeVersion), clockCheck(effects), variables, configuration];
  if (config === undefined) checks.push(skipped('project', 'contracts, models, log, lake and port need the configuration'));
  else checks.push(...(await configuredChecks(config, effects, env)));
  const exitCode = Math.max(0, ...checks.map(({ code }) => (code === null ? 0 : ERROR_CODES[code].exitCode)));
  return { checks, exitCode };
}

async function configuredChecks(
  config: ResolvedConfig,
  effects: Effects,
  env: DoctorRequest['env'],
): Promise<readonly DoctorCheck[]> {
  const { ingest, profile } = config;
  const checks = [await portCheck(ingest.host, ingest.port, ingest.tls.certificate !== undefined)];
  checks.push(...(await doorChecks(config, effects, env)));
  checks.push(
    ...(await diskChecks(profile.store.adapter === 'folder' ? 'lake' : 'lake cache', localLakeFolder(profile), effects)),
  );
  if (profile.log.adapter === 'embedded') checks.push(...(await diskChecks('log', path.dirname(profile.log.path), effects)));
  // Spilled queries and the progress of replays lie beside the state file, also where the state itself is in a database.
  const work = path.dirname(profile.state.path);
  if (profile.log.adapter !== 'embedded' || path.dirname(profile.log.path) !== work)
    checks.push(...(await diskChecks('work', work, effects)));
  const lakehouse = openLakehouse(config, effects);
  try {
    checks.push(...(await brokerChecks(lakehouse)));
    checks.push(...(await spoolChecks(lakehouse)));
    checks.push(...(await bucketChecks(lakehouse)));
    checks.push(...(await catalogChecks(lakehouse)));
    checks.push(...(await engineChecks(lakehouse)));
    checks.push(...(await metricsChecks(config, effects)));
    checks.push(...(await projectChecks(lakehouse)));
  } finally {
    await lakehouse.close();
  }
  return checks;
}
