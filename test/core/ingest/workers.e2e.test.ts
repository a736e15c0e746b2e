import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ingestionV1Methods } from '../../../src/core/ingest/grpc/ingest-services.js';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import { isBuilt, startCli, type CliProcess } from '../../support/cli-process.js';
import { systemEffects } from '../../support/effects.js';
import { wireEvent } from '../../support/ingest-door.js';
import { headerOf } from '../../support/memory-log.js';
import { DEFAULT_TOPIC, smallProject } from '../../support/small-project.js';

interface Listening {
  readonly address: string;
  readonly httpAddress: string;
  readonly pids: readonly number[];
}

async function serve(dir: string): Promise<{ readonly cli: CliProcess; readonly listening: Listening }> {
  const cli = startCli(['ingest', 'serve', '--port', '0', '--http-port', '0', '--workers', '2', '--json'], { cwd: dir });
  onTestFinished(async () => {
    cli.child.kill('SIGKILL');
    await cli.ended;
  });
  await expect.poll(() => cli.stderr(), { timeout: 40_000 }).toContain('"listening"');
  const line =
    cli
      .stderr()
      .split('\n')
      .find((text) => text.startsWith('{')) ?? '';
  return { cli, listening: (JSON.parse(line) as { listening: Listening }).listening };
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const isFree = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port: Number(address.split(':')[1]) }, () => server.close(() => resolve(true)));
  });

/** `topic partition/offset` of each record by event id. */
async function logged(dir: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone/log.db'), clock: systemEffects().clock });
  const found = new Map<string, string[]>();
  for (const { partition, endOffset } of await log.bounds(DEFAULT_TOPIC)) {
    for (let offset = 0; offset < endOffset;) {
      const read = await log.read(DEFAULT_TOPIC, partition, offset, { maxRecords: 5000, maxBytes: 10_000_000 });
      for (const record of read.records) {
        const id = headerOf(record, 'ks-event-id') ?? '';
        found.set(id, [...(found.get(id) ?? []), `${partition}/${record.offset}`]);
      }
      offset = read.nextOffset;
    }
  }
  await log.close();
  return found;
}

const sendGrpc = (client: Client, eventId: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { path: method, requestSerialize, responseDeserialize } = ingestionV1Methods.SendEvent;
    client.makeUnaryRequest(
      method,
      requestSerialize,
      responseDeserialize,
      wireEvent({ eventId }),
      { deadline: Date.now() + 5000 },
      (error, answer) => {
        if (answer?.kind === 'message') resolve(`${answer.message.partition}/${answer.message.offset}`);
        else reject(error ?? new Error('no answer'));
      },
    );
  });

async function sendHttp(address: string, eventId: string): Promise<string> {
  const answer = await fetch(`http://${address}/v1/events/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': eventId },
    body: '{}',
    signal: AbortSignal.timeout(5000),
  });
  if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
  const { receipts } = (await answer.json()) as { receipts: { partition: number; offset: number }[] };
  return `${receipts[0]?.partition}/${receipts[0]?.offset}`;
}

describe.skipIf(!isBuilt())('ingest serve --workers (needs npm run build)', () => {
  it('loses nothing that was acknowledged when a worker is killed, over gRPC and HTTP, and sums up in the end', async () => {
    const dir = await smallProject(0);
    const { cli, listening } = await serve(dir);
    expect(listening.pids.length).toBe(2);
    const acknowledged = new Map<string, string>();
    let sent = 0;
    let isOver = false;
    const sendOn = async (send: (id: string) => Promise<string>, name: string): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        const id = `${name}-${n}`;
        // Until it is acknowledged, under the same id, as clients do.
        for (;;) {
          sent++;
          const place = await send(id).catch(() => null);
          if (place === null) {
            await delay(20);
            continue;
          }
          acknowledged.set(id, place);
          break;
        }
      }
    };
    const clients = Array.from(
      { length: 4 },
      () => new Client(listening.address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
    );
    onTestFinished(() => clients.forEach((client) => client.close()));
    const senders = [
      ...clients.map((client, index) => sendOn((id) => sendGrpc(client, id), `grpc${index}`)),
      ...[0, 1].map((index) => sendOn((id) => sendHttp(listening.httpAddress, id), `http${index}`)),
    ];
    await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(200);
    process.kill(listening.pids[0] as number, 'SIGKILL');
    await expect.poll(() => cli.stderr(), { timeout: 20_000 }).toContain('ended (SIGKILL)');
    const before = acknowledged.size;
    await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(before + 200);
    isOver = true;
    await Promise.all(senders);
    cli.child.kill('SIGTERM');
    const end = await cli.ended;
    expect(end.code, end.stderr).toBe(0);

    const records = await logged(dir);
    for (const [id, place] of acknowledged) expect(records.get(id), id).toContain(place);
    // Again only what was sent again.
    const count = [...records.values()].reduce((total, places) => total + places.length, 0);
    expect(count).toBeLessThanOrEqual(sent);
    type WorkerEnd = { pid: number; accepted: number; isExact: boolean; signal: string | null };
    const { result } = JSON.parse(end.stdout) as { result: { accepted: number; workers: WorkerEnd[] } };
    expect(result.workers.reduce((total, { accepted }) => total + accepted, 0)).toBe(result.accepted);
    expect(result.workers.filter(({ isExact }) => !isExact)).toMatchObject([{ pid: listening.pids[0], signal: 'SIGKILL' }]);
    expect(result.accepted).toBeLessThanOrEqual(count);
    for (const { pid } of result.workers) expect(isAlive(pid)).toBe(false);
    expect(await isFree(listening.address)).toBe(true);
    expect(await isFree(listening.httpAddress)).toBe(true);
  });

  it('ends its workers when the process that started them is killed', async () => {
    const { cli, listening } = await serve(await smallProject(0));
    cli.child.kill('SIGKILL');
    await cli.ended;
    await expect.poll(() => listening.pids.some(isAlive), { timeout: 10_000 }).toBe(false);
    expect(await isFree(listening.address)).toBe(true);
  });
});
