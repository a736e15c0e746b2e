// Builds dist: TypeScript, the files beside it that tsc leaves, and the manifest from which the command line starts quickly.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
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

// Made aside and then put in place, so that commands of this checkout which run meanwhile find a whole program.
// As deep as dist, or its source maps would point elsewhere.
const made = path.join(root, `.dist-${process.pid}`);
const dist = path.join(root, 'dist');
const tsc = path.join(path.dirname(resolve('typescript/package.json')), 'bin', 'tsc');
rmSync(made, { recursive: true, force: true });
run(tsc, ['-p', 'tsconfig.build.json', '--outDir', made]);
cpSync(path.join(root, 'src'), made, {
  recursive: true,
  filter: (source) => !/\.tsx?$/.test(source),
});
const old = `${made}-old`;
rmSync(path.join(root, 'oclif.manifest.json'), { force: true });
if (existsSync(dist)) renameSync(dist, old);
renameSync(made, dist);
rmSync(old, { recursive: true, force: true });
run(path.join(root, 'scripts', 'write-manifest.mjs'), []);
