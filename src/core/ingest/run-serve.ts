/** `ingest serve`: the server over the project's log, until the signal. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { guardDoors } from './door-guard.js';
import type { IngestTotals } from './event-intake.js';
import { startIngestServer } from './ingest-server.js';
import type { IngestServerEvent } from './ingest-server-event.js';
import { ingestMeter } from './ingest-meter.js';
import { refusalLog } from './refusal-log.js';
import { addressOf } from './server-address.js';
import { watchLevel } from './serving-level.js';
import { openSpool, spoolPlace } from './spool/open-spool.js';
import { readKnownTopic } from '../spool/spool-folder.js';
import { isTransientFailure } from '../resilience/transient-failure.js';
import type { KeyMode } from '../event/business-key.js';

export interface RunServeOptions {
  /** Each undefined: as configured under `ingest`. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly httpPort: number | undefined;
  readonly keyMode: KeyMode | undefined;
  readonly lingerMs: number | undefined;
  /** Where the tokens of `ingest.tokens` may lie. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface RunServeEffects {
  readonly signal: AbortSignal;
  readonly onEvent: (event: IngestServerEvent) => void;
  /** Told once it listens: what answers the totals until now. */
  readonly onServing?: (totals: () => IngestTotals) => void;
}

export interface RunServeResult extends IngestTotals {
  readonly address: string;
  /** Of the HTTP door; null without one. */
  readonly httpAddress: string | null;
  readonly topic: string;
}

/** @throws KeystoneError KS_USAGE when both doors would take the same port: the second would blame another process. */
function checkPorts(lakehouse: Lakehouse, options: Pick<RunServeOptions, 'port' | 'httpPort'>): void {
  const { ingest } = lakehouse.config;
  const port = options.port ?? ingest.port;
  if (port === 0 || port !== (options.httpPort ?? ingest.http.port)) return;
  throw new KeystoneError('KS_USAGE', `gRPC and HTTP cannot share the port ${port}`, {
    hint: `keystone ingest serve --port ${port} --http-port 0`,
  });
}

/** Opens everything that serving needs, except the port. @throws KeystoneError KS_USAGE, KS_LOG, KS_CONTRACT, KS_CONFIG (certificates, tokens). */
export async function checkServe(lakehouse: Lakehouse, options: RunServeOptions): Promise<RunServeResult> {
  checkPorts(lakehouse, options);
  const { ingest, profile } = lakehouse.config;
  const { clock } = lakehouse.effects;
  await Promise.all([checkLog(lakehouse), lakehouse.contracts(), guardDoors(lakehouse.config, { ...options, clock })]);
  const host = options.host ?? ingest.host;
  const address = addressOf(host, options.port ?? ingest.port);
  const httpPort = options.httpPort ?? ingest.http.port;
  const httpAddress = httpPort === undefined ? null : addressOf(host, httpPort);
  return { address, httpAddress, topic: profile.log.topic, accepted: 0, refused: 0 };
}

/** With a spool, a log that is away keeps nobody from serving. */
async function checkLog(lakehouse: Lakehouse): Promise<void> {
  const log = await lakehouse.log();
  try {
    await log.bounds(lakehouse.config.profile.log.topic);
  } catch (error) {
    const folder = spoolPlace(lakehouse);
    if (folder === null || !isTransientFailure(error) || (await readKnownTopic(folder)) === null) throw error;
  }
}

/** Resolves after the drain. @throws KeystoneError KS_PORT_IN_USE, KS_USAGE (no address of this machine), KS_CONFIG (certificates, tokens), KS_LOG, KS_CONTRACT. */
export async function runServe(lakehouse: Lakehouse, options: RunServeOptions & RunServeEffects): Promise<RunServeResult> {
  checkPorts(lakehouse, options);
  const { ingest, profile } = lakehouse.config;
  const { clock, randomBytes, metrics, logger } = lakehouse.effects;
  const { topic, partitions } = profile.log;
  const guard = await guardDoors(lakehouse.config, { ...options, clock });
  for (const message of guard.warnings) options.onEvent({ kind: 'warning', message });
  const contracts = await lakehouse.contracts();
  const log = await lakehouse.log();
  const watch = watchLevel({
    ask: () => lakehouse.degradation(),
    clock,
    onChange: ({ level: to, causes }, from) => options.onEvent({ kind: 'degradation', from, to, causes }),
  });
  const spool = await openSpool(lakehouse, {
    own: true,
    onMode: (state) => options.onEvent({ kind: 'mode', state, level: watch.now().level }),
    onWarning: (message) => options.onEvent({ kind: 'warning', message }),
  }).catch(async (error: unknown) => {
    await watch.close();
    throw error;
  });
  const meter = metrics && ingestMeter(metrics, clock);
  const server = await startIngestServer({
    log,
    ...(spool ? { spool } : {}),
    level: watch.now,
    topic,
    partitions,
    contracts,
    host: options.host ?? ingest.host,
    port: options.port ?? ingest.port,
    httpPort: options.httpPort ?? ingest.http.port,
    defaultDataset: ingest.defaultDataset,
    keyMode: options.keyMode ?? ingest.key,
    lingerMs: options.lingerMs ?? ingest.linger,
    maxMessageBytes: ingest.maxMessage,
    maxInFlightBytes: ingest.maxInFlight,
    ...(guard.admit ? { admit: guard.admit } : {}),
    tls: guard.tls,
    limits: guard.limits,
    connectionLimits: guard.connectionLimits,
    clock,
    randomBytes,
    meter,
    tellRefusal: logger && refusalLog(logger, clock),
    signal: options.signal,
    onEvent: options.onEvent,
  }).catch(async (error: unknown) => {
    await Promise.all([watch.close(), spool?.close(), meter?.close()]);
    throw error;
  });
  options.onServing?.(() => server.totals());
  const totals = await server.closed;
  await Promise.all([watch.close(), meter?.close()]);
  const spooled = spool?.state().events ?? 0;
  await spool?.close();
  if (spooled > 0) options.onEvent({ kind: 'leftInSpool', events: spooled });
  const httpAddress = server.httpPort === null ? null : addressOf(server.host, server.httpPort);
  return { address: addressOf(server.host, server.port), httpAddress, topic, ...totals };
}
