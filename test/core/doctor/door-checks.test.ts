import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { doorChecks } from '../../../src/core/doctor/door-checks.js';
import { portCheck } from '../../../src/core/doctor/machine-checks.js';
import { loadConfig } from '../../../src/core/config/load-config.js';
import { readDoorTls, type TlsConfig } from '../../../src/core/ingest/door-tls.js';
import { writeFile } from 'node:fs/promises';
import { makeAuthority, type CertificateFiles } from '../../support/certificates.js';
import { systemEffects } from '../../support/effects.js';
import { openDoor } from '../../support/ingest-door.js';
import { tempDir } from '../../support/temp-dir.js';

/** The checks of a project whose keystone.yaml says this below `ingest`; files are named as seen from the project. */
async function check(dir: string, ingest: readonly string[], env: Readonly<Record<string, string>> = {}) {
  await writeFile(
    path.join(dir, 'keystone.yaml'),
    ['version: 1', 'ingest:', ...ingest.map((line) => `  ${line}`), ''].join('\n'),
  );
  return doorChecks(await loadConfig({ cwd: dir, env: {} }), systemEffects(), env);
}
const tlsOf = ({ certificate, key }: CertificateFiles): readonly string[] => [
  'tls:',
  `  certificate: ${path.basename(certificate)}`,
  `  key: ${path.basename(key)}`,
];

describe('checks of the doors', () => {
  it('look at the certificate, its key and its end, and at the tokens', async () => {
    const dir = await tempDir();
    const authority = await makeAuthority(dir, 'authority');
    const [good, ending, expired] = [
      await authority.sign('good'),
      await authority.sign('ending', { days: 5 }),
      await authority.sign('expired', { days: -1 }),
    ];
    expect(await check(dir, ['port: 0'])).toMatchObject([{ status: 'ok' }, { status: 'ok' }]);
    expect((await check(dir, tlsOf(good)))[0]).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/good\.pem fits its key, valid until/) as string,
    });
    expect((await check(dir, tlsOf(ending)))[0]).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/ending\.pem expires in [45] days/) as string,
    });
    expect((await check(dir, tlsOf(expired)))[0]).toMatchObject({
      status: 'failed',
      code: 'KS_CONFIG',
      found: expect.stringMatching(/expired on/) as string,
    });
    const mixed = { certificate: good.certificate, key: ending.key };
    expect((await check(dir, tlsOf(mixed)))[0]).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/does not belong/) as string,
    });

    const tokens = ['tokens:', '  shop: env:SHOP'];
    const [, known] = await check(dir, tokens, { SHOP: 'not-to-be-seen-here' });
    expect(known).toMatchObject({ status: 'ok', found: '1 of shop' });
    expect(JSON.stringify(known)).not.toContain('not-to-be-seen-here');
    expect((await check(dir, tokens))[1]).toMatchObject({
      status: 'failed',
      found: expect.stringMatching(/env:SHOP is not set/) as string,
    });
  });

  it('know a Keystone server behind TLS, and one that asks for certificates', async () => {
    const dir = await tempDir();
    const authority = await makeAuthority(dir, 'authority');
    const server = await authority.sign('server');
    const tlsWith = async (clientCertificate: TlsConfig['clientCertificate']) => {
      const files = { ...server, clientCa: authority.certificate, clientCertificate };
      const door = await readDoorTls(files, Date.now());
      if (!door) throw new Error('no certificate');
      return { tls: { door, files, everyMs: 60_000 } };
    };
    const { server: open } = await openDoor(await tlsWith('none'));
    expect(await portCheck('127.0.0.1', open.port, true)).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/a Keystone server is serving/) as string,
    });
    const { server: mutual } = await openDoor(await tlsWith('required'));
    expect(await portCheck('127.0.0.1', mutual.port, true)).toMatchObject({ status: 'warning' });
  });
});
