/** `lag publish`: the lag to CloudWatch, to Prometheus, or to both, as `metrics.*` says. */
import type { ResolvedConfig } from '../config/config.js';
import { KeystoneError } from '../errors.js';
import { openLakehouse, type Effects } from '../lakehouse.js';
import { openMetricPoints, openMetricsPage } from '../metrics/open-metrics.js';
import { forgetLag, gaugeLag, lagPoints } from './lag-points.js';
import { publishLag, type LagPublication, type PublishOptions } from './publish-lag.js';

export interface RunPublishOptions extends Omit<PublishOptions, 'publish' | 'onGap'> {
  /** Told once, before the first publication: where the points go. */
  readonly onOpen: (places: readonly string[]) => void;
}

/** @throws KeystoneError as `publishLag`; KS_CONFIG when no metrics are configured; KS_PORT_IN_USE. */
export async function* runPublish(
  config: ResolvedConfig,
  effects: Effects,
  options: RunPublishOptions,
): AsyncGenerator<LagPublication, void> {
  const { metrics } = config.profile;
  if (metrics.adapter === 'none' && (metrics.port === undefined || options.once)) {
    const isOnePage = metrics.port !== undefined;
    throw new KeystoneError(
      'KS_CONFIG',
      isOnePage ? 'With --once nobody could fetch the page of Prometheus' : 'There is nowhere to publish the lag to',
      {
        hint: isOnePage
          ? 'Leave --once out, or send to CloudWatch: --set metrics.adapter=cloudwatch.'
          : 'For CloudWatch: --set metrics.adapter=cloudwatch (metrics.cloudwatch.* says where). For Prometheus: --metrics-port 9464.',
      },
    );
  }
  const points = await openMetricPoints(config, effects);
  try {
    const page = options.once ? null : await openMetricsPage(config);
    try {
      options.onOpen([...(points ? [points.place] : []), ...(page ? [page.url] : [])]);
      yield* publishLag(() => openLakehouse(config, effects), {
        ...options,
        publish: async (lag) => {
          // First what cannot fail: one service that is away takes nothing from the other.
          if (page) gaugeLag(page.metrics, lag);
          const sent = lagPoints(lag);
          await points?.put(sent, options.signal);
          return sent.length;
        },
        onGap: (last) => {
          if (page) forgetLag(page.metrics, last);
        },
      });
    } finally {
      await page?.close();
    }
  } finally {
    points?.close();
  }
}
