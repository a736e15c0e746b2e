import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPostgresUrl, showAddress } from '../../../src/core/state/postgres-address.js';
import { tempDir } from '../../support/temp-dir.js';

const read = (url: string, dir = '/'): ReturnType<typeof readPostgresUrl> => readPostgresUrl(url, dir);

describe('the URL of the state database', () => {
  it('is read part by part, escapes undone', async () => {
    const address = await read(
      'postgresql://k%40per:p%40ss%2Fw%25rd@db.example:6432/my%20state?sslmode=disable&connect_timeout=7',
    );
    expect(address).toEqual({
      host: 'db.example',
      port: 6432,
      database: 'my state',
      user: 'k@per',
      password: 'p@ss/w%rd',
      tls: false,
      connectTimeoutMs: 7000,
      applicationName: 'keystone',
    });
    expect(showAddress(address)).toBe('my state on db.example:6432');
  });

  it('has defaults: port, database, no password', async () => {
    expect(await read('postgres://keeper@localhost')).toMatchObject({ port: 5432, database: 'keeper', password: undefined });
    expect(await read('postgres://keeper@[::1]:6000/x')).toMatchObject({ host: '::1', port: 6000 });
    expect(await read('postgres://keeper@ignored/x?host=/var/run/postgresql')).toMatchObject({
      host: '/var/run/postgresql',
      tls: false,
    });
  });

  it('asks for TLS and the right name everywhere but on this machine', async () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
      expect((await read(`postgres://k@${host}/x`)).tls).toBe(false);
    for (const host of ['db.example', '10.0.0.1', '128.0.0.1'])
      expect((await read(`postgres://k@${host}/x`)).tls).toEqual({ host, rejectUnauthorized: true });
  });

  it('takes sslmode as libpq does', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'ca.pem'), 'CA');
    const tls = async (parameters: string): Promise<unknown> => (await read(`postgres://k@db/x?${parameters}`, dir)).tls;
    const anyName = { checkServerIdentity: expect.any(Function) };
    expect(await tls('sslmode=require')).toEqual({ host: 'db', rejectUnauthorized: false, ...anyName });
    expect(await tls('sslmode=require&sslrootcert=ca.pem')).toEqual({
      host: 'db',
      ca: 'CA',
      rejectUnauthorized: true,
      ...anyName,
    });
    expect(await tls('sslmode=verify-ca&sslrootcert=ca.pem')).toEqual({
      host: 'db',
      ca: 'CA',
      rejectUnauthorized: true,
      ...anyName,
    });
    expect(await tls('sslmode=verify-full&sslrootcert=ca.pem')).toEqual({ host: 'db', ca: 'CA', rejectUnauthorized: true });
    expect(await tls('sslmode=verify-full&sslrootcert=system')).toEqual({ host: 'db', rejectUnauthorized: true });
  });

  it.each([
    ['keeper:Hush@host/x', 'no URL'],
    ['postgres://keeper:Hu#sh@host/x', ''],
    ['postgres://keeper:12#Hush@host/x', 'no user'],
    ['postgres://keeper:12?Hush@host/x', 'no user'],
    ['postgres://keeper:12/Hush@host/x', 'no user'],
    ['postgres://k@host/x#Hush', 'no user'],
    ['mysql://keeper:Hush@host/x', 'no URL of PostgreSQL'],
    ['postgres://keeper:Hush%zz@host/x', 'percent'],
    ['postgres://:Hush@host/x', 'no user'],
    ['postgres://keeper:Hush@host:99999/x', 'no URL'],
    ['postgres://keeper:Hush@one:1,two:2/x', 'no URL'],
    ['postgres://keeper:Hush@host/x?sslmode=prefer', 'sslmode=prefer'],
    ['postgres://keeper:Hush@host/x?sslmode=verify-full&sslrootcert=absent.pem', 'absent.pem'],
    ['postgres://keeper:Hush@host/x?options=-cfoo', '"options"'],
    ['postgres://keeper:Hush@host/x?connect_timeout=soon', 'connect_timeout'],
  ])('refuses %s, and shows no part of the secret', async (url, problem) => {
    const failure = (await read(url).catch((error: unknown) => error)) as Error & { readonly hint?: string };
    expect(failure).toMatchObject({ code: 'KS_CONFIG', message: expect.stringContaining(problem), hint: expect.any(String) });
    expect(`${failure.stack} ${failure.hint} ${JSON.stringify(failure)} ${String(failure.cause)}`).not.toMatch(/Hu#?sh/);
  });
});
