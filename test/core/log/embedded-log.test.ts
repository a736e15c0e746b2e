import path from 'node:path';
import { onTestFinished } from 'vitest';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';
import { eventLogContract } from './event-log.contract.js';

const { clock } = systemEffects();

eventLogContract('embedded', async () => {
  const file = path.join(await tempDir(), 'missing', 'folder', 'log.db');
  const again = async () => {
    const log = await openEmbeddedLog({ path: file, clock });
    onTestFinished(() => log.close());
    return log;
  };
  return { log: await again(), again };
});
