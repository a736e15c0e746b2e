/** The demo's project: what `keystone init` writes, opened without regard to the environment or to any project around it. */
import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/load-config.js';
import { type Effects, type Lakehouse, openLakehouse } from '../lakehouse.js';

/** `templates/` lies beside `src/` and `dist/` alike. */
const TEMPLATES = fileURLToPath(new URL('../../../templates/', import.meta.url));

export async function openDemoProject(dir: string, effects: Effects): Promise<Lakehouse> {
  for (const folder of ['contracts', 'models'])
    await cp(path.join(TEMPLATES, folder), path.join(dir, folder), { recursive: true });
  await writeFile(path.join(dir, 'keystone.yaml'), 'project: demo\n');
  return openLakehouse(await loadConfig({ cwd: dir, env: {}, configPath: path.join(dir, 'keystone.yaml') }), effects);
}
