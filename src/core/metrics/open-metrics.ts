/** Opens what `metrics.*` asks for; vendors' code is loaded only then. */
import type { ResolvedConfig } from '../config/config.js';
import type { Effects } from '../lakehouse.js';
import { randomUnit } from '../table/random-names.js';
import type { MetricPoints } from './metric-points.js';
import type { Metrics } from './metrics.js';
import { severalMetrics } from './several-metrics.js';

/** Null when `metrics.adapter` is none. Nothing is sent yet. @throws KeystoneError KS_CONFIG (secrets). */
export async function openMetricPoints(config: ResolvedConfig, effects: Effects): Promise<MetricPoints | null> {
  const { adapter, cloudwatch } = config.profile.metrics;
  if (adapter === 'none') return null;
  const { openCloudwatchPoints } = await import('./cloudwatch-points.js');
  const { clock, env = {}, randomBytes } = effects;
  const random = (): number => randomUnit(randomBytes);
  return openCloudwatchPoints({ cloudwatch, env, projectDir: config.projectDir, clock, random });
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

export interface OpenMetrics {
  readonly metrics: Metrics;
  /** Where the numbers go, for people. */
  readonly places: readonly string[];
  close(): Promise<void>;
}

/**
 * All that `metrics.*` asks for, as one; null when it asks for nothing. `writeLine` takes lines of the Embedded Metric Format; absent
 * where no JSON is logged. `hasPage` false is for a command that ends before anybody would read a page. Closing sends what is gathered and resolves also when that failed.
 * @throws KeystoneError KS_PORT_IN_USE, KS_CONFIG.
 */
export async function openMetrics(
  config: ResolvedConfig,
  effects: Effects,
  {
    writeLine,
    hasPage,
  }: { readonly writeLine: ((line: Readonly<Record<string, unknown>>) => void) | undefined; readonly hasPage: boolean },
): Promise<OpenMetrics | null> {
  const { emf, cloudwatch } = config.profile.metrics;
  const page = hasPage ? await openMetricsPage(config) : null;
  const points = await openMetricPoints(config, effects).catch(async (error: unknown) => {
    await page?.close();
    throw error;
  });
  const all: Metrics[] = page ? [page.metrics] : [];
  const { clock, logger } = effects;
  if (points) {
    const { sentMetrics } = await import('./sent-metrics.js');
    all.push(sentMetrics({ points, clock, logger }));
  }
  if (emf && writeLine) {
    const { emfMetrics } = await import('./emf-metrics.js');
    all.push(emfMetrics({ namespace: cloudwatch.namespace, clock, write: writeLine }));
  }
  if (all.length === 0) return null;
  const metrics = severalMetrics(all);
  const places = [...(page ? [page.url] : []), ...(points ? [points.place] : [])];
  return {
    metrics,
    places,
    close: async () => {
      await page?.close();
      await metrics.close();
    },
  };
}
