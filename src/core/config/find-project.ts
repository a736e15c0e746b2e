/** Where the project is: the nearest `keystone.yaml`, here or in a parent folder. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';

const CONFIG_NAME = 'keystone.yaml';

/** Absolute path of the configuration file. `given` (a file, or the folder that holds it) wins; KS_NO_PROJECT when there is none. */
export async function findConfig(cwd: string, given: string | undefined): Promise<string> {
  if (given !== undefined) {
    const named = path.resolve(cwd, given);
    const kind = await kindOf(named);
    const file = kind === 'folder' ? path.join(named, CONFIG_NAME) : named;
    if ((await kindOf(file)) === 'file') return file;
    throw new KeystoneError('KS_NO_PROJECT', `there is no configuration file ${file}`, {
      hint: 'keystone init, or name another file with --config',
    });
  }
  for (let folder = path.resolve(cwd); ; folder = path.dirname(folder)) {
    const file = path.join(folder, CONFIG_NAME);
    if ((await kindOf(file)) === 'file') return file;
    if (path.dirname(folder) === folder) {
      throw new KeystoneError('KS_NO_PROJECT', `no ${CONFIG_NAME} in ${path.resolve(cwd)} or above it`, {
        hint: 'keystone init (makes a project here), or --config PATH',
      });
    }
  }
}

const kindOf = async (file: string): Promise<'file' | 'folder' | 'absent'> =>
  stat(file).then(
    (found) => (found.isDirectory() ? 'folder' : 'file'),
    () => 'absent',
  );
