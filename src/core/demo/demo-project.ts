/** The demo's project: what `keystone init` writes, opened without regard to the environment or to any project around it. */
import path from 'node:path';
import { loadConfig } from '../config/load-config.js';
import { initProject } from '../init/init-project.js';
import { type Effects, type Lakehouse, openLakehouse } from '../lakehouse.js';

export async function openDemoProject(dir: string, effects: Effects): Promise<Lakehouse> {
  await initProject({ dir });
  return openLakehouse(await loadConfig({ cwd: dir, env: {}, configPath: path.join(dir, 'keystone.yaml') }), effects);
}
