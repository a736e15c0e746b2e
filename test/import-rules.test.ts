/** What the linter cannot tell: whether a value is imported at once or on use, and where effects come from. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

async function sources(folder: string): Promise<readonly { readonly file: string; readonly text: string }[]> {
  const entries = await readdir(path.join(SRC, folder), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (file) => ({ file: path.relative(SRC, file), text: await readFile(file, 'utf8') })));
}

/** Modules whose values are imported before anything runs; types vanish, so they do not count. */
function importedAtOnce(text: string): readonly string[] {
  return [...text.matchAll(/^(?:import|export)\s+(?!type\b)([^;'"]*?\bfrom\s+)?'([^']+)'/gm)]
    .filter(([, clause]) => !/^\{\s*(type\s+\w+(\s+as\s+\w+)?\s*,?\s*)+\}\s*from\s+$/.test(clause ?? ''))
    .map(([, , from]) => from ?? '');
}

/** Comments may speak of what the code must not do. */
const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');

describe('import rules', () => {
  it('a command takes values of core by dynamic import only, so that help and every other command start without them', async () => {
    const found = await sources('commands');
    expect(found.length).toBeGreaterThan(10);
    const eager = found.flatMap(({ file, text }) =>
      importedAtOnce(text)
        .filter((from) => from.includes('/core/'))
        .map((from) => `${file}: ${from}`),
    );
    expect(eager).toEqual([]);
  });

  it('src/cli takes only errors, names and what every line needs of core at once', async () => {
    const allowed = /\/core\/(errors|nearest-name|config\/(secrets|units)|logging\/(log-level|redaction|trace-context))\.js$/;
    const eager = (await sources('cli')).flatMap(({ file, text }) =>
      importedAtOnce(text)
        .filter((from) => from.includes('/core/') && !allowed.test(from))
        .map((from) => `${file}: ${from}`),
    );
    expect(eager).toEqual([]);
  });

  it('core takes clock, randomness, environment and terminal as parameters', async () => {
    const effect =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.(env|stdout|stderr|stdin|exit|argv|cwd)\b|\bconsole\./;
    const found = (await sources('core')).flatMap(({ file, text }) => {
      const line = withoutComments(text)
        .split('\n')
        .find((candidate) => effect.test(candidate));
      return line === undefined ? [] : [`${file}: ${line.trim()}`];
    });
    expect(found).toEqual([]);
  });
});
