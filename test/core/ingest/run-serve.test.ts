import { describe, expect, it } from 'vitest';
import { checkServe, runServe } from '../../../src/core/ingest/run-serve.js';
import { testLake } from '../../support/test-lake.js';

describe('serving', () => {
  it('on one port for both doors is refused before anything listens, and blames nobody else', async () => {
    const { lake } = await testLake();
    const ports = { host: undefined, port: 50_999, httpPort: 50_999, keyMode: undefined, lingerMs: undefined, env: {} };
    const refusal = { code: 'KS_USAGE', message: expect.stringMatching(/gRPC and HTTP cannot share the port 50999/) as string };
    await expect(checkServe(lake, ports)).rejects.toMatchObject(refusal);
    const effects = { signal: AbortSignal.abort(), onEvent: () => undefined };
    await expect(runServe(lake, { ...ports, ...effects })).rejects.toMatchObject(refusal);
    expect(await checkServe(lake, { ...ports, port: 0, httpPort: 0 })).toMatchObject({ accepted: 0 });
  });
});
