import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readDoorTls } from '../../../../src/core/ingest/door-tls.js';
import { makeAuthority } from '../../../support/certificates.js';
import { LIMITS, openHttpDoor, rawConnection, rawExchange } from '../../../support/http-door.js';

async function openTlsDoor(requestTimeMs: number) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const authority = await makeAuthority(dir, 'authority');
  const files = { ...(await authority.sign('server', { names: ['127.0.0.1'] })), clientCertificate: 'none' as const };
  const door = await readDoorTls(files, Date.now());
  if (!door) throw new Error('no TLS');
  return openHttpDoor({ connectionLimits: { ...LIMITS, requestTimeMs }, tls: { door, files, everyMs: 60_000 } });
}

describe('a TLS handshake with the HTTP door', () => {
  it('that is not done within the request time is closed: silent, begun, and dribbling', async () => {
    const door = await openTlsDoor(400);
    const started = performance.now();
    const [silent, begun, dribbling] = await Promise.all([1, 2, 3].map(() => rawConnection(door.port)));
    const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
    begun?.socket.write(hello);
    dribbling?.socket.write(hello);
    const dribble = setInterval(() => dribbling?.socket.write('\0'), 50);
    onTestFinished(() => clearInterval(dribble));
    await Promise.all([silent?.closed, begun?.closed, dribbling?.closed]);
    expect(performance.now() - started).toBeLessThan(5000);
    await expect.poll(() => door.server.connections()).toBe(0);
  });

  it('that is none is closed at once; a request in the clear is told so', async () => {
    const door = await openTlsDoor(30_000);
    expect(await rawExchange(door.port, 'no handshake at all\r\n')).not.toContain('HTTP/1.1 4');
    const answer = await rawExchange(door.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*this port speaks TLS/);
    await expect.poll(() => door.server.connections()).toBe(0);
    // And it goes on serving who speaks TLS.
    const socket = tls.connect({ port: door.port, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'secureConnect');
    socket.write('nonsense\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(bytes.toString()).toContain('HTTP/1.1 400');
  });
});
