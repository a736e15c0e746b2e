/** A project folder whose log holds a few events, for tests that spawn the command line. */
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openEmbeddedLog } from '../../src/core/log/embedded-log.js';
import { systemEffects } from './effects.js';
import { tempDir } from './temp-dir.js';

export const DEFAULT_TOPIC = 'olist-enterprise-events';

/** Appends `events` orders that no contract rule accepts, in turn over the partitions (3 when the topic is new). */
export async function appendEvents(dir: string, events: number): Promise<void> {
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone', 'log.db'), clock: systemEffects().clock });
  const partitions = await log.ensureTopic(DEFAULT_TOPIC, 3);
  await log.append(
    DEFAULT_TOPIC,
    Array.from({ length: events }, (_, n) => ({
      partition: n % partitions,
      key: null,
      value: Buffer.from(`{"n":${n}}`),
      headers: [],
    })),
  );
  await log.close();
}

export async function smallProject(events: number): Promise<string> {
  const dir = await tempDir();
  await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\n');
  await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
  if (events > 0) await appendEvents(dir, events);
  return dir;
}
