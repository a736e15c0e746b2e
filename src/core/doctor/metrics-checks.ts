/** Does the metrics service answer and take us? Asked, not sent to: nothing is left there. */
import type { ResolvedConfig } from '../config/config.js';
import type { Effects } from '../lakehouse.js';
import { openMetricPoints } from '../metrics/open-metrics.js';
import { examine, ok, type DoctorCheck } from './doctor-check.js';

const CHECK = 'metrics';

/** None where `metrics.adapter` is none. */
export async function metricsChecks(config: ResolvedConfig, effects: Effects): Promise<readonly DoctorCheck[]> {
  if (config.profile.metrics.adapter === 'none') return [];
  const check = await examine(CHECK, 'KS_METRICS', async () => {
    const points = await openMetricPoints(config, effects);
    try {
      await points?.look();
      return ok(CHECK, `${points?.place ?? ''} answers; whether points may be put there is said by the first`);
    } finally {
      points?.close();
    }
  });
  return [check];
}
