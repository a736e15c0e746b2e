import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LogFields } from '../../../src/core/logging/logger.js';
import { SILENT } from '../../../src/core/logging/logger.js';
import { NO_METRICS } from '../../../src/core/metrics/metrics.js';
import { sdkRetry } from '../../../src/core/resilience/sdk-retry.js';

/** A server that answers each request with the next of these statuses, the last one for ever. */
async function serverThatSays(...statuses: number[]) {
  let asked = 0;
  const server = createServer((request, answer) => {
    request.resume();
    answer.writeHead(statuses[Math.min(asked, statuses.length - 1)]!).end();
    asked += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}

function clientOf(endpoint: string) {
  const told: LogFields[] = [];
  const counted: unknown[] = [];
  const logger = { ...SILENT, warn: (event: string, fields: LogFields = {}) => void told.push({ event, ...fields }) };
  const metrics = { ...NO_METRICS, count: (...count: unknown[]) => void counted.push(count) };
  const client = new S3Client({
    endpoint,
    region: 'r',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    retryStrategy: sdkRetry(
      { tries: 3, baseMs: 5, capMs: 1000 },
      { service: 'store', operation: 'S3', random: () => 0, logger, metrics },
    ),
  });
  onTestFinished(() => client.destroy());
  return { told, counted, head: () => client.send(new HeadBucketCommand({ Bucket: 'b' })) };
}

describe("the retry table in a client of AWS's SDK", () => {
  it('repeats what may pass, as often and as patiently as its policy says, and tells and counts each wait', async () => {
    const server = await serverThatSays(503, 500, 200);
    const { told, counted, head } = clientOf(server.endpoint);
    await head();
    expect(server.asked()).toBe(3);
    expect(told).toMatchObject([
      { event: 'retry.again', operation: 'S3', attempt: 1, of: 3, delayMs: 10 },
      { event: 'retry.again', operation: 'S3', attempt: 2, of: 3, delayMs: 20 },
    ]);
    const again = ['keystone_retries_total', 1, { operation: 'store' }];
    expect(counted).toEqual([again, again]);
  });

  it('gives up with what the service said, and repeats no refusal', async () => {
    const busy = await serverThatSays(503);
    await expect(clientOf(busy.endpoint).head()).rejects.toMatchObject({ $metadata: { httpStatusCode: 503, attempts: 3 } });
    expect(busy.asked()).toBe(3);
    const refusing = await serverThatSays(403);
    await expect(clientOf(refusing.endpoint).head()).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    expect(refusing.asked()).toBe(1);
  });
});
