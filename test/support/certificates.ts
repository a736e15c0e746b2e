/** An authority of its own and certificates that it signs, made by the openssl command for each test. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority extends CertificateFiles {
  /** `days` below 0: it has expired. Names are for servers. */
  sign(name: string, options?: { readonly days?: number; readonly names?: readonly string[] }): Promise<CertificateFiles>;
}

const openssl = (args: readonly string[]): Promise<unknown> => run('openssl', [...args]);
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** OpenSSL's form of a time, `days` from now. */
const timeAt = (days: number): string =>
  `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;

export async function makeAuthority(dir: string, name: string): Promise<Authority> {
  const file = (of: string): CertificateFiles => ({ certificate: path.join(dir, `${of}.pem`), key: path.join(dir, `${of}.key`) });
  const own = file(name);
  await openssl([
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    own.key,
    '-out',
    own.certificate,
    '-days',
    '365',
    '-subj',
    `/CN=${name}`,
  ]);
  const database = path.join(dir, `${name}.index`);
  await writeFile(database, '');
  return {
    ...own,
    async sign(of, { days = 90, names = [] } = {}) {
      const signed = file(of);
      const request = path.join(dir, `${of}.csr`);
      await openssl(['req', '-new', ...NEW_KEY, '-keyout', signed.key, '-out', request, '-subj', `/O=Olist/CN=${of}`]);
      const settings = path.join(dir, `${of}.cnf`);
      const alternatives = names.map((each) => `${/^[\d.]+$/.test(each) ? 'IP' : 'DNS'}:${each}`).join(',');
      await writeFile(
        settings,
        [
          '[ca]\ndefault_ca=own\n[own]',
          `database=${database}\nnew_certs_dir=${dir}\ndefault_md=sha256\npolicy=any\nunique_subject=no\nrand_serial=yes`,
          '[any]\ncommonName=supplied\norganizationName=optional\n[ext]\nbasicConstraints=CA:FALSE',
          alternatives === '' ? '' : `subjectAltName=${alternatives}`,
          '',
        ].join('\n'),
      );
      const times = ['-startdate', timeAt(Math.min(-1, days - 10)), '-enddate', timeAt(days)];
      const by = ['-cert', own.certificate, '-keyfile', own.key];
      const what = ['-in', request, '-out', signed.certificate, '-extensions', 'ext', '-notext'];
      await openssl(['ca', '-batch', '-config', settings, ...by, ...what, ...times]);
      return signed;
    },
  };
}

export const readPair = async ({
  certificate,
  key,
}: CertificateFiles): Promise<{ readonly cert: Buffer; readonly key: Buffer }> => ({
  cert: await readFile(certificate),
  key: await readFile(key),
});
