/**
 * Ten thousand clients that only dribble (slow loris): silent, with a piece of the preface, greeted and then still, with half a
 * request. The server's memory stays bounded, and a client that works beside them does not notice. Over TLS the handshakes are left hanging.
 */
import { credentials, Client } from '@grpc/grpc-js';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeAuthority } from '../support/certificates.js';
import { isBuilt, startCli, type CliProcess } from '../support/cli-process.js';
import { sendOne } from '../support/ingest-door.js';
import { smallProject } from '../support/small-project.js';

/** As many as wanted, or as this process may open beside what it has open. */
const openable = (wanted: number): number =>
  Math.min(wanted, Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) - 500);

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** An empty SETTINGS frame. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** The head of a TLS record that announces more than ever comes. */
const HALF_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]);

/** Connects one after the other, a few hundred under way at once; each sends its beginning and then a byte now and then. */
async function dribblers(port: number, count: number, beginnings: readonly Buffer[]): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  const open = (beginning: Buffer): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => {
        socket.write(beginning);
        resolve();
      });
      socket.on('error', () => resolve());
      socket.resume();
      sockets.push(socket);
    });
  for (let done = 0; done < count; done += 250) {
    await Promise.all(
      Array.from({ length: Math.min(250, count - done) }, (_, n) => open(beginnings[n % beginnings.length] as Buffer)),
    );
  }
  const dribble = setInterval(() => {
    for (let n = 0; n < 200; n++) {
      const socket = sockets[Math.floor(Math.random() * sockets.length)];
      if (socket?.writable) socket.write(Buffer.from([0]));
    }
  }, 100);
  onTestFinished(() => clearInterval(dribble));
  return sockets;
}

const memoryOf = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

async function serve(lines: readonly string[]): Promise<CliProcess & { readonly port: number }> {
  const dir = await smallProject(0);
  const limits = ['limits:', '  connections: 2000', '  requestTime: 3s'];
  await writeFile(
    path.join(dir, 'keystone.yaml'),
    ['version: 1', 'ingest:', ...[...limits, ...lines].map((line) => `  ${line}`), ''].join('\n'),
  );
  const serving = startCli(['ingest', 'serve', '--port', '0'], { cwd: dir });
  onTestFinished(async () => {
    serving.child.kill('SIGKILL');
    await serving.ended;
  });
  await expect.poll(() => serving.stdout(), { timeout: 20_000 }).toMatch(/Listening on \S+:\d+,/);
  return { ...serving, port: Number(/Listening on \S+:(\d+),/.exec(serving.stdout())?.[1]) };
}

/** One event after the other until stopped; how long each took, and how many were not taken. */
function worker(client: Client): { stop(): Promise<{ readonly tookMs: readonly number[]; readonly failed: number }> } {
  let isStopped = false;
  const tookMs: number[] = [];
  let failed = 0;
  const work = (async () => {
    while (!isStopped) {
      const startMs = performance.now();
      if (!((await sendOne(client)) instanceof Buffer)) failed++;
      tookMs.push(performance.now() - startMs);
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await work;
      return { tookMs, failed };
    },
  };
}

async function withstand(
  serving: CliProcess & { readonly port: number },
  client: () => Client,
  beginnings: readonly Buffer[],
  wanted: number,
): Promise<void> {
  const pid = serving.child.pid as number;
  const working = client();
  expect(await sendOne(working)).toBeInstanceOf(Buffer);
  const beforeBytes = await memoryOf(pid);
  const busy = worker(working);
  const sockets = await dribblers(serving.port, openable(wanted), beginnings);
  const heldBytes = await memoryOf(pid);
  // Another one comes while all of them are there.
  expect(await sendOne(client())).toBeInstanceOf(Buffer);
  const { tookMs, failed } = await busy.stop();
  expect(failed).toBe(0);
  expect(tookMs.length).toBeGreaterThan(10);
  expect(Math.max(...tookMs)).toBeLessThan(5_000);
  // All that is left of them is cut once their time is over.
  await expect.poll(() => sockets.filter(({ destroyed }) => !destroyed).length, { timeout: 20_000, interval: 200 }).toBe(0);
  expect(heldBytes - beforeBytes).toBeLessThan(250_000_000);
  expect(await sendOne(working)).toBeInstanceOf(Buffer);
  serving.child.kill('SIGTERM');
  expect((await serving.ended).code).toBe(0);
}

describe.skipIf(!isBuilt() || process.platform !== 'linux')('slow clients (need npm run build)', { timeout: 120_000 }, () => {
  it('in their thousands harm nobody, in the clear', async () => {
    const serving = await serve([]);
    const client = (): Client => {
      const made = new Client(`127.0.0.1:${serving.port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
      onTestFinished(() => made.close());
      return made;
    };
    // Half open: it greeted, and is as good as unplugged since.
    const greeted = Buffer.concat([PREFACE, SETTINGS]);
    const request = Buffer.concat([greeted, headersFrame(), dataFrame()]);
    await withstand(serving, client, [Buffer.alloc(0), PREFACE.subarray(0, 10), greeted, request], 10_000);
  });

  it('in their thousands harm nobody, over TLS', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const authority = await makeAuthority(dir, 'authority');
    const server = await authority.sign('server', { names: ['localhost'] });
    const serving = await serve(['tls:', `  certificate: ${server.certificate}`, `  key: ${server.key}`]);
    const ca = await readFile(authority.certificate);
    const client = (): Client => {
      const made = new Client(`localhost:${serving.port}`, credentials.createSsl(ca), { 'grpc.use_local_subchannel_pool': 1 });
      onTestFinished(() => made.close());
      return made;
    };
    await withstand(serving, client, [Buffer.alloc(0), HALF_HELLO], 3_000);
  });
});

/** HEADERS of a POST to SendEvent on stream 1, without Huffman coding or indexing (RFC 7541, 6.2.2). */
function headersFrame(): Buffer {
  const field = (name: string, value: string): Buffer =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    field(':method', 'POST'),
    field(':scheme', 'http'),
    field(':path', '/keystone.ingestion.v1.Ingestion/SendEvent'),
    field(':authority', 'localhost'),
    field('content-type', 'application/grpc'),
    field('te', 'trailers'),
  ]);
  return Buffer.concat([Buffer.from([0, 0, block.length, 1, 4, 0, 0, 0, 1]), block]);
}

/** 4 KiB of a message of 1 MB that never comes whole. */
function dataFrame(): Buffer {
  const body = Buffer.alloc(4096);
  body.writeUInt32BE(1_000_000, 1);
  return Buffer.concat([Buffer.from([0, 0x10, 0, 0, 0, 0, 0, 0, 1]), body]);
}
