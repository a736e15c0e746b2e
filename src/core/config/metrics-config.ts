/** `metrics.*` of a profile: where numbers go. */
import { z } from 'zod';
import { awsAccess } from './aws-access.js';

const cloudwatchConfig = z.strictObject({
  ...awsAccess,
  namespace: z.string().min(1).default('Keystone').describe('Namespace of the metrics'),
});

/** CloudWatch, a page for Prometheus, lines of the Embedded Metric Format; each by itself. */
export const metricsConfig = z.strictObject({
  adapter: z
    .enum(['none', 'cloudwatch'])
    .default('none')
    .describe('Where numbers of runs are sent: `cloudwatch` to AWS; the Prometheus endpoint is beside it, by `metrics.port`'),
  host: z.string().default('127.0.0.1').describe('Address of the Prometheus endpoint'),
  port: z
    .number()
    .int()
    .min(0)
    .max(65535)
    .optional()
    .describe(
      'Port on which `ingest serve` and `consume run` answer `/metrics` for Prometheus; absent: none; 0 takes a free one',
    ),
  emf: z
    .boolean()
    .default(false)
    .describe(
      'Whether numbers are also lines of the Embedded Metric Format among the log lines (`logging.format: json`), in the namespace of `metrics.cloudwatch`',
    ),
  cloudwatch: cloudwatchConfig.prefault({}),
});
