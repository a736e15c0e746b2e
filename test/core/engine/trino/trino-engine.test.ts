import { expect, it } from 'vitest';
import { profileConfig } from '../../../../src/core/config/config.js';
import { openTrinoService } from '../../../../src/core/engine/trino/trino-engine.js';
import { systemEffects } from '../../../support/effects.js';

it('says that a port is one that is never connected to', async () => {
  const { trino } = profileConfig.parse({ engine: { trino: { url: 'http://127.0.0.1:6000' } } }).engine;
  const { clock } = systemEffects();
  const service = await openTrinoService({ trino, env: {}, projectDir: '/', clock, random: () => 0 });
  await expect(service.run('SELECT 1')).rejects.toMatchObject({
    code: 'KS_CONFIG',
    message: expect.stringContaining('engine.trino.url names the port of http://127.0.0.1:6000'),
  });
});
