/** Does the bucket of the lake answer, take us, and keep what commits rest on? Tried, not looked up; nothing is left behind. */
import { randomUUID } from 'node:crypto';
import type { Lakehouse } from '../lakehouse.js';
import { lakePlace } from '../store/lake-place.js';
import { examine, ok, skipped, type DoctorCheck } from './doctor-check.js';

const READ = 'lake bucket';
const CONDITIONS = 'lake conditional writes';

/** None for a lake in a folder. */
export async function bucketChecks(lakehouse: Lakehouse): Promise<readonly DoctorCheck[]> {
  const { profile } = lakehouse.config;
  if (profile.store.adapter !== 's3') return [];
  const { endpoint, region, encryption } = profile.store.s3;
  const answers = await examine(READ, 'KS_STORE', async () => {
    const store = await lakehouse.store();
    // A missing bucket and a refused identity answer a listing with their names, and a look at one object without.
    await store.folders('');
    await store.get(`doctor-${randomUUID()}`);
    return ok(READ, `${lakePlace(profile)} at ${endpoint ?? `AWS in ${region}`} can be listed and read`);
  });
  if (answers.status !== 'ok') return [answers, skipped(CONDITIONS, 'the bucket cannot be read')];
  const honoured = await examine(CONDITIONS, 'KS_STORE', async () => {
    await (await lakehouse.store()).proveConditions?.();
    const sealed = encryption === 'none' ? '' : `; puts ask for ${encryption}`;
    return ok(CONDITIONS, `If-None-Match and If-Match are honoured, and what was written is gone again${sealed}`);
  });
  return [answers, honoured];
}
