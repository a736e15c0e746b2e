/** Opens what `metrics.*` asks for; vendors' code is loaded only then. */
import type { ResolvedConfig } from '../config/config.js';
import type { Effects } from '../lakehouse.js';
import type { MetricPoints } from './metric-points.js';
import type { Metrics } from './metrics.js';

/** Null when `metrics.adapter` is none. Nothing is sent yet. @throws KeystoneError KS_CONFIG (secrets). */
export async function openMetricPoints(config: ResolvedConfig, effects: Effects): Promise<MetricPoints | null> {
  const { adapter, cloudwatch } = config.profile.metrics;
  if (adapter === 'none') return null;
  const { openCloudwatchPoints } = await import('./cloudwatch-points.js');
  const { clock, env = {} } = effects;
  return openCloudwatchPoints({ cloudwatch, env, projectDir: config.projectDir, clock, random: randomOf(effects) });
}

export interface MetricsPage {
  readonly metrics: Metrics;
  /** e.g. `http://127.0.0.1:9464/metrics` */
  readonly url: string;
  close(): Promise<void>;
}

/** Null when `metrics.port` is not set. @throws KeystoneError KS_PORT_IN_USE, KS_CONFIG. */
export async function openMetricsPage({ profile }: ResolvedConfig): Promise<MetricsPage | null> {
  const { host, port } = profile.metrics;
  if (port === undefined) return null;
  const [{ prometheusMetrics }, { openMetricsEndpoint }] = await Promise.all([
    import('./prometheus.js'),
    import('./metrics-endpoint.js'),
  ]);
  const metrics = prometheusMetrics();
  const { url, close } = await openMetricsEndpoint(metrics, { host, port });
  return { metrics, url, close };
}

/** In [0, 1). */
const randomOf =
  ({ randomBytes }: Effects) =>
  (): number =>
    Buffer.from(randomBytes(4)).readUInt32BE() / 2 ** 32;
