/** What doctor sees of a cluster that has lost a broker, and after it is back. */
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBuilt, runCli } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

interface Check {
  readonly check: string;
  readonly status: string;
  readonly found: string;
  readonly code: string | null;
}

describe.skipIf(!hasKafka || !isBuilt())('doctor beside three brokers (needs npm run build)', () => {
  const kafka = kafkaServer({ nodes: 3 });

  it('tells which copies are away, and that the log still answers', async () => {
    const topic = freshTopic('copies');
    const log = await openLog({ brokers: kafka().brokers, replication: 3 });
    await log.ensureTopic(topic, 3);
    await log.append(topic, [{ key: null, value: Buffer.from('in'), headers: [] }]);
    const dir = await tempDir();
    const settings = { adapter: 'kafka', topic, kafka: { brokers: kafka().brokers } };
    await writeFile(path.join(dir, 'keystone.yaml'), `version: 1\nprofiles:\n  local:\n    log: ${JSON.stringify(settings)}\n`);
    await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
    const replicas = async (): Promise<Check> => {
      const { stdout } = await runCli(['doctor', '--json'], { cwd: dir });
      const { result } = JSON.parse(stdout) as { readonly result: { readonly checks: readonly Check[] } };
      expect(result.checks.find(({ check }) => check === 'kafka brokers')?.status, stdout).toBe('ok');
      return result.checks.find(({ check }) => check === 'kafka replicas')!;
    };
    /** The brokers learn of a change one after the other. */
    const until = async (status: string): Promise<Check> => {
      for (let tries = 0; ; tries++) {
        const found = await replicas();
        if (found.status === status || tries === 20) return found;
      }
    };
    expect(await until('ok')).toMatchObject({ status: 'ok', found: expect.stringContaining('are in sync') as string });
    await kafka().kill(2);
    const behind = await until('warning');
    expect(behind).toMatchObject({ status: 'warning', found: expect.stringContaining('a copy is away or behind') as string });
    for (const partition of [0, 1, 2]) expect(behind.found).toContain(`${topic}/${partition}`);
    await kafka().start(2);
    expect(await until('ok')).toMatchObject({ status: 'ok' });
  });
});
