// Builds dist: TypeScript, the files beside it that tsc leaves, and the manifest from which the command line starts quickly.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { resolve } = createRequire(import.meta.url);

/** Runs a package's program with this very node. */
function run(program, args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(path.join(root, 'dist'), { recursive: true, force: true });
rmSync(path.join(root, 'oclif.manifest.json'), { force: true });
run(path.join(path.dirname(resolve('typescript/package.json')), 'bin', 'tsc'), ['-p', 'tsconfig.build.json']);
cpSync(path.join(root, 'src'), path.join(root, 'dist'), {
  recursive: true,
  filter: (source) => !/\.tsx?$/.test(source),
});
run(path.join(root, 'scripts', 'write-manifest.mjs'), []);
