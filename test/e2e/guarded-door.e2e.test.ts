/** Who may come in at `ingest serve`, tried from outside: every wrong way gets its answer, and the right ways go on working. */
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeAuthority, type Authority, type CertificateFiles } from '../support/certificates.js';
import { isBuilt, runCli, startCli, type CliEnd, type CliProcess } from '../support/cli-process.js';
import { bearer, sendOne } from '../support/ingest-door.js';
import { smallProject } from '../support/small-project.js';

let certificates: string;
let authority: Authority;
let server: CertificateFiles;
let press: CertificateFiles;
let late: CertificateFiles;
let foreign: CertificateFiles;
beforeAll(async () => {
  certificates = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  authority = await makeAuthority(certificates, 'authority');
  server = await authority.sign('server', { names: ['localhost', '127.0.0.1'] });
  press = await authority.sign('press-7');
  late = await authority.sign('late-press', { days: -1 });
  foreign = await (await makeAuthority(certificates, 'foreign')).sign('foreign-press');
});
afterAll(() => rm(certificates, { recursive: true, force: true }));

const ENV = { SHOP_TOKEN: 'shop-secret-number-1', WRONG_TOKEN: 'wrong-secret-number-2' };
const EVENT = '{"order_id":"o1"}\n';

async function project(ingest: readonly string[]): Promise<string> {
  const dir = await smallProject(0);
  await writeFile(
    path.join(dir, 'keystone.yaml'),
    ['version: 1', 'ingest:', ...ingest.map((line) => `  ${line}`), ''].join('\n'),
  );
  return dir;
}

const tlsLines = (clientCertificate: 'none' | 'optional' | 'required', pair = server): readonly string[] => [
  'tls:',
  `  certificate: ${pair.certificate}`,
  `  key: ${pair.key}`,
  ...(clientCertificate === 'none' ? [] : [`  clientCa: ${authority.certificate}`, `  clientCertificate: ${clientCertificate}`]),
];

async function serve(dir: string): Promise<CliProcess & { readonly address: string }> {
  const serving = startCli(['ingest', 'serve', '--port', '0'], { cwd: dir, env: ENV });
  onTestFinished(async () => {
    serving.child.kill('SIGKILL');
    await serving.ended;
  });
  await expect.poll(() => serving.stdout(), { timeout: 20_000 }).toMatch(/Listening on \S+:\d+,/);
  return { ...serving, address: /Listening on (\S+),/.exec(serving.stdout())?.[1] ?? '' };
}

const send = (dir: string, address: string, flags: readonly string[]): Promise<CliEnd> =>
  runCli(['ingest', 'send', '-', '--to', address, '--source', 'claimed', '--json', ...flags], {
    cwd: dir,
    env: ENV,
    input: EVENT,
  });

const outcome = ({
  code,
  stdout,
}: CliEnd): { readonly exit: number | null; readonly code?: string; readonly message?: string } => {
  const { error } = JSON.parse(stdout) as { readonly error?: { readonly code: string; readonly message: string } };
  return { exit: code, ...error };
};

const shown = ({ certificate, key }: CertificateFiles): readonly string[] => ['--tls-cert', certificate, '--tls-key', key];

describe.skipIf(!isBuilt())('the door of ingest serve (needs npm run build)', () => {
  it('turns away no token, a wrong one, and a client in the clear, and keeps the identity of the right one in bronze', async () => {
    const dir = await project([...tlsLines('none'), 'tokens:', '  shop: env:SHOP_TOKEN']);
    const serving = await serve(dir);
    const tls = ['--tls-ca', authority.certificate];
    const [none, wrong, clear, strangeServer, right] = await Promise.all([
      send(dir, serving.address, tls),
      send(dir, serving.address, [...tls, '--token', 'env:WRONG_TOKEN']),
      send(dir, serving.address, []),
      send(dir, serving.address, ['--tls-ca', foreign.certificate, '--token', 'env:SHOP_TOKEN']),
      send(dir, serving.address, [...tls, '--token', 'env:SHOP_TOKEN']),
    ]);
    expect(outcome(none)).toMatchObject({
      exit: 4,
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('a bearer token is needed') as string,
    });
    expect(outcome(wrong)).toMatchObject({
      exit: 4,
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('is not valid') as string,
    });
    expect(outcome(clear)).toMatchObject({
      exit: 4,
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('speaks TLS') as string,
    });
    expect(outcome(strangeServer)).toMatchObject({
      exit: 4,
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('not signed by') as string,
    });
    expect(outcome(right)).toEqual({ exit: 0 });
    serving.child.kill('SIGTERM');
    const end = await serving.ended;
    expect(end.stderr).toContain('Done. 1 events accepted, 0 refused.');
    for (const { stdout, stderr } of [none, wrong, clear, right, end]) expect(stdout + stderr).not.toMatch(/secret-\d/);

    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd: dir })).code).toBe(0);
    const sql = 'SELECT source, CAST(headers AS VARCHAR) AS headers FROM bronze.events';
    const rows = await runCli(['query', sql, '--output', 'json'], { cwd: dir });
    expect(rows.stdout).toContain('"shop"');
    expect(rows.stdout).toContain('ks-claimed-source');
    expect(rows.stdout).not.toContain('authorization');
  });

  it('demands a certificate of its authority: none, an expired and a foreign one stay outside', async () => {
    const dir = await project(tlsLines('required'));
    const serving = await serve(dir);
    const tls = ['--tls-ca', authority.certificate];
    const [none, strange, right] = await Promise.all([
      send(dir, serving.address, tls),
      send(dir, serving.address, [...tls, ...shown(foreign)]),
      send(dir, serving.address, [...tls, ...shown(press)]),
    ]);
    expect(outcome(none)).toMatchObject({
      exit: 4,
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('demands a client certificate') as string,
    });
    expect(outcome(strange)).toMatchObject({
      exit: 4,
      code: 'KS_CREDENTIALS',
      message: expect.stringContaining('did not accept') as string,
    });
    expect(outcome(right)).toEqual({ exit: 0 });
    // Our own client looks at its certificate's time itself; another's may not.
    const stale = await send(dir, serving.address, [...tls, ...shown(late)]);
    expect(outcome(stale)).toMatchObject({
      exit: 4,
      code: 'KS_CREDENTIALS',
    });
    const [ca, key, cert] = await Promise.all([authority.certificate, late.key, late.certificate].map((file) => readFile(file)));
    const client = new Client(serving.address, credentials.createSsl(ca, key, cert));
    onTestFinished(() => client.close());
    expect(await sendOne(client)).toMatchObject({ code: status.UNAVAILABLE });
    serving.child.kill('SIGTERM');
    expect((await serving.ended).stderr).toContain('Done. 1 events accepted, 0 refused.');
  });

  it('refuses a message of 5 MB as too large, and serves on', async () => {
    const dir = await project(['tokens:', '  shop: env:SHOP_TOKEN']);
    const serving = await serve(dir);
    const client = new Client(serving.address, credentials.createInsecure());
    onTestFinished(() => client.close());
    const token = bearer(ENV.SHOP_TOKEN);
    const large = (await sendOne(client, { payload: Buffer.alloc(5_000_000, 'x') }, token)) as ServiceError;
    expect(large).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('larger than max') as string,
    });
    expect(await sendOne(client, {}, token)).toBeInstanceOf(Buffer);
    expect(await sendOne(client, {}, bearer(ENV.WRONG_TOKEN))).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it('does not open with a certificate that nobody would trust, or a token that is not there', async () => {
    const expired = await authority.sign('expired-server', { days: -1 });
    const [stale, mismatched, missing] = await Promise.all([
      project(tlsLines('none', expired)),
      project(tlsLines('none', { certificate: server.certificate, key: press.key })),
      project(['tokens:', '  shop: env:NOT_THERE']),
    ]);
    const tried = await Promise.all(
      [stale, mismatched, missing].map((dir) => runCli(['ingest', 'serve', '--port', '0', '--json'], { cwd: dir })),
    );
    expect(tried.map(outcome)).toMatchObject([
      { exit: 4, code: 'KS_CONFIG', message: expect.stringMatching(/expired-server\.pem expired on/) as string },
      { exit: 4, code: 'KS_CONFIG', message: expect.stringContaining('does not belong to the certificate') as string },
      { exit: 4, code: 'KS_CONFIG', message: expect.stringContaining('env:NOT_THERE is not set') as string },
    ]);
  });
});
