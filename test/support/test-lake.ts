/** A whole embedded lakehouse in a fresh folder, with the contracts that `keystone init` would copy. */
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { keystoneConfig, profileConfig } from '../../src/core/config/config.js';
import { type Lakehouse, openLakehouse } from '../../src/core/lakehouse.js';
import { systemEffects } from './effects.js';
import { tempDir } from './temp-dir.js';

export interface TestLakeOptions {
  readonly consume?: Record<string, unknown>;
  readonly care?: Record<string, unknown>;
  readonly contracts?: string;
  readonly partitions?: number;
  /** Opens a second handle on the same folder. */
  readonly dir?: string;
  readonly processName?: string;
}

export async function testLake(options: TestLakeOptions = {}): Promise<{ readonly lake: Lakehouse; readonly dir: string }> {
  const dir = options.dir ?? (await tempDir());
  const config = keystoneConfig.parse({ consume: options.consume ?? {}, care: options.care ?? {} });
  const profile = profileConfig.parse({ log: { partitions: options.partitions ?? 3 } });
  const inside = (relative: string): string => path.join(dir, relative);
  const lake = openLakehouse(
    {
      ...config,
      contracts: options.contracts ?? path.resolve('templates/contracts'),
      models: path.resolve('templates/models'),
      profileName: 'local',
      profile: {
        ...profile,
        log: { ...profile.log, path: inside('.keystone/log.db') },
        store: { ...profile.store, path: inside('lake') },
        state: { ...profile.state, path: inside('.keystone/state.db') },
      },
      projectDir: dir,
      configPath: inside('keystone.yaml'),
    },
    systemEffects(options.processName),
  );
  onTestFinished(() => lake.close());
  return { lake, dir };
}
