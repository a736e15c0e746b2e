import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { emfMetrics } from '../../../src/core/metrics/emf-metrics.js';

/** After https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
const SCHEMA = {
  type: 'object',
  required: ['_aws'],
  properties: {
    _aws: {
      type: 'object',
      required: ['Timestamp', 'CloudWatchMetrics'],
      properties: {
        Timestamp: { type: 'integer' },
        CloudWatchMetrics: {
          type: 'array',
          items: {
            type: 'object',
            required: ['Namespace', 'Dimensions', 'Metrics'],
            properties: {
              Namespace: { type: 'string', minLength: 1, maxLength: 1024 },
              Dimensions: {
                type: 'array',
                minItems: 1,
                items: { type: 'array', maxItems: 30, items: { type: 'string', minLength: 1, maxLength: 250 } },
              },
              Metrics: {
                type: 'array',
                maxItems: 100,
                items: {
                  type: 'object',
                  required: ['Name'],
                  properties: {
                    Name: { type: 'string', minLength: 1, maxLength: 1024 },
                    Unit: { enum: ['Seconds', 'Bytes', 'Count', 'None'] },
                    StorageResolution: { enum: [1, 60] },
                  },
                  additionalProperties: false,
                },
              },
            },
          },
        },
      },
    },
  },
} as const;

interface Line {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Dimensions: readonly string[][];
      readonly Metrics: readonly { readonly Name: string }[];
    }[];
  };
  readonly [member: string]: unknown;
}

/** What the specification asks beyond its schema: each name points at a member with a value of its kind. */
function checkTargets(line: Line): void {
  for (const { Dimensions, Metrics } of line._aws.CloudWatchMetrics) {
    for (const name of Dimensions.flat()) expect(typeof line[name]).toBe('string');
    for (const { Name } of Metrics) {
      const value = line[Name];
      const values = Array.isArray(value) ? value : [value];
      expect(values.length).toBeLessThanOrEqual(100);
      for (const one of values) expect(typeof one).toBe('number');
    }
  }
}

describe('emfMetrics', () => {
  it('writes lines of the specification, one for all series of the same dimensions, and loses no value', async () => {
    const lines: Line[] = [];
    const clock = {
      nowMs: () => 1_700_000_000_000,
      sleep: (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve())),
    };
    // Through JSON, as it will be read.
    const write = (line: object): void => void lines.push(JSON.parse(JSON.stringify(line)) as Line);
    const metrics = emfMetrics({ namespace: 'Shop', clock, write });
    metrics.count('keystone_landed_events_total', 5, { topic: 't' });
    metrics.count('keystone_landed_bytes_total', 50, { topic: 't' });
    metrics.gauge('keystone_in_flight_bytes', 3);
    for (let n = 0; n < 250; n++) metrics.observe('keystone_append_seconds', n / 1000);
    expect(lines).toHaveLength(2);
    await metrics.close();
    const validate = new Ajv().compile(SCHEMA);
    for (const line of lines) {
      expect(validate(line), JSON.stringify(validate.errors)).toBe(true);
      checkTargets(line);
    }
    expect(lines.flatMap(({ AppendTime }) => AppendTime ?? [])).toEqual(Array.from({ length: 250 }, (_, n) => n / 1000));
    const topic = lines.find((line) => line['Topic'] === 't');
    expect(topic).toMatchObject({ LandedEvents: 5, LandedBytes: 50 });
    expect(topic?._aws.CloudWatchMetrics[0]).toMatchObject({ Namespace: 'Shop', Dimensions: [['Topic']] });
  });
});
