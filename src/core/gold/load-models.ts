/** Reads `models/gold/*.sql` and puts the models in the order in which they can be built. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import { type Model, parseModel } from './model.js';

/**
 * Models, each after its gold inputs. `dir`: the project's models folder (`<dir>/gold/*.sql`). Throws KS_MODEL for an invalid
 * model, a reference to a gold table that no model builds, and a circle of references.
 */
export async function loadModels(dir: string): Promise<readonly Model[]> {
  const folder = path.join(dir, 'gold');
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new KeystoneError('KS_MODEL', `the folder of gold models ${folder} cannot be read`, {
      hint: 'keystone init writes models/gold; or name another folder with --set models=DIR',
      cause,
    });
  });
  const models: Model[] = [];
  for (const name of names.filter((file) => file.endsWith('.sql')).toSorted()) {
    const file = path.join(folder, name);
    models.push(parseModel(await readFile(file, 'utf8'), file));
  }
  return inBuildOrder(models);
}

/** Depth first along the references; models that do not depend on each other stay in order of their names. */
function inBuildOrder(models: readonly Model[]): readonly Model[] {
  const byName = new Map(models.map((model) => [model.name, model]));
  const ordered = new Set<Model>();
  const visit = (model: Model, path: readonly Model[]): void => {
    if (ordered.has(model)) return;
    if (path.includes(model)) {
      const circle = [...path.slice(path.indexOf(model)), model].map((each) => each.name).join(' → ');
      throw new KeystoneError('KS_MODEL', `models refer to each other in a circle: ${circle}`, { hint: `change ${model.path}` });
    }
    for (const input of model.inputs) {
      if (!input.startsWith('gold.')) continue;
      const upstream = byName.get(input);
      if (!upstream) {
        throw new KeystoneError('KS_MODEL', `${model.name} refers to ${input}, which no model builds`, {
          hint: `models: ${[...byName.keys()].join(', ')}`,
        });
      }
      visit(upstream, [...path, model]);
    }
    ordered.add(model);
  };
  for (const model of models) visit(model, []);
  return [...ordered];
}
