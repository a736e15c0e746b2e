/** Would the doors open with these certificates and tokens, and for how long? */
import type { ResolvedConfig } from '../config/config.js';
import { admitFromConfig } from '../ingest/admit-client.js';
import { readDoorTls } from '../ingest/door-tls.js';
import type { Effects } from '../lakehouse.js';
import { examine, ok, warning, type DoctorCheck } from './doctor-check.js';

export async function doorChecks(
  { ingest, projectDir }: ResolvedConfig,
  { clock }: Effects,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly DoctorCheck[]> {
  const { tls, tokens } = ingest;
  const certificates = await examine('ingest certificates', 'KS_CONFIG', async () => {
    const door = await readDoorTls(tls, clock.nowMs());
    if (door === null) return ok('ingest certificates', 'none: the doors speak without TLS');
    const until = new Date(door.expiresAtMs).toISOString().slice(0, 10);
    const [soon] = door.warnings;
    if (soon !== undefined)
      return warning('ingest certificates', soon, 'renew it; a running server takes it up without a restart');
    return ok('ingest certificates', `${tls.certificate ?? ''} fits its key, valid until ${until}`);
  });
  const known = await examine('ingest tokens', 'KS_CONFIG', async () => {
    const { clientCertificate } = tls;
    await admitFromConfig({ tokens, clientCertificate, env, projectDir });
    const count = Object.keys(tokens).length;
    if (count > 0) return ok('ingest tokens', `${count} of ${Object.keys(tokens).join(', ')}`);
    return ok(
      'ingest tokens',
      clientCertificate === 'required' ? 'none: clients show certificates' : 'none: clients prove nothing',
    );
  });
  return [certificates, known];
}
