import { copyFile, mkdtemp, rm, writeFile, rename } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDoorTls, type TlsConfig } from '../../../src/core/ingest/door-tls.js';
import { watchTls } from '../../../src/core/ingest/watch-tls.js';
import { makeAuthority, type Authority, type CertificateFiles } from '../../support/certificates.js';
import { systemEffects } from '../../support/effects.js';

let dir: string;
let authority: Authority;
let server: CertificateFiles;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  authority = await makeAuthority(dir, 'authority');
  server = await authority.sign('server', { names: ['localhost', '127.0.0.1'] });
});

afterAll(() => rm(dir, { recursive: true, force: true }));

const read = (tls: Partial<TlsConfig>) => readDoorTls({ clientCertificate: 'none', ...tls }, Date.now());

describe('certificates of the doors', () => {
  it('are read with the authority of the clients, and without settings there are none', async () => {
    expect(await read({})).toBeNull();
    const door = await read({ ...server, clientCa: authority.certificate, clientCertificate: 'optional' });
    expect(door).toMatchObject({ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', warnings: [] });
    expect(door?.ca?.toString()).toContain('BEGIN CERTIFICATE');
  });

  it('are refused before anything listens, naming the file and what to do', async () => {
    const expired = await authority.sign('expired', { days: -1 });
    const empty = path.join(dir, 'empty.pem');
    await writeFile(empty, 'nothing\n');
    const [certificate, key] = [server.certificate, server.key];
    const cases: readonly (readonly [Partial<TlsConfig>, RegExp])[] = [
      [{ certificate: '/nowhere/a.pem', key }, /^\/nowhere\/a\.pem cannot be read \(ingest\.tls\.certificate\): ENOENT/],
      [{ certificate: empty, key }, /empty\.pem holds no PEM certificate/],
      [{ certificate, key: empty }, /empty\.pem holds no private key/],
      [{ certificate, key: expired.key }, /the key in .*expired\.key does not belong to the certificate in .*server\.pem/],
      [{ ...expired }, /the certificate in .*expired\.pem expired on \d{4}-\d\d-\d\d/],
      [{ certificate }, /ingest\.tls\.key is missing/],
      [{ key }, /ingest\.tls\.certificate is missing/],
      [{ certificate, key, clientCertificate: 'required' }, /ingest\.tls\.clientCa is missing: clientCertificate is required/],
    ];
    for (const [tls, message] of cases) {
      const error: unknown = await read(tls).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'KS_CONFIG', hint: expect.any(String) as string });
      expect((error as Error).message).toMatch(message);
    }
  });

  it('warn a month before they end', async () => {
    const ending = await authority.sign('ending', { days: 12 });
    expect((await read(ending))?.warnings).toEqual([expect.stringMatching(/ending\.pem expires in 1[12] days/)]);
  });

  it('are taken up when they are renewed, and not while certificate and key differ', async () => {
    const files = {
      certificate: path.join(dir, 'used.pem'),
      key: path.join(dir, 'used.key'),
      clientCertificate: 'none',
    } as const;
    await copyFile(server.certificate, files.certificate);
    await copyFile(server.key, files.key);
    const current = await readDoorTls(files, Date.now());
    if (!current) throw new Error('no certificate');
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = watchTls({
      tls: files,
      current,
      everyMs: 10,
      clock: systemEffects().clock,
      signal: stop.signal,
      onRenewed: (tls) => seen.push(tls.cert.toString()),
      onProblem: (message) => seen.push(message),
    });
    const renewed = await authority.sign('renewed');
    /** Whole at once: half a file would be a problem of its own. */
    const replace = async (from: string, to: string): Promise<void> => {
      await copyFile(from, `${to}.new`);
      await rename(`${to}.new`, to);
    };
    await replace(renewed.certificate, files.certificate);
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(1);
    await replace(renewed.key, files.key);
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(2);
    stop.abort();
    await watching;
    expect(seen[0]).toMatch(/the key in .*used\.key does not belong/);
    expect(seen[1]).toContain('BEGIN CERTIFICATE');
  });
});
