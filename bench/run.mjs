// `npm run bench -- ingest|consume|trace|startup [--profile embedded|kafka] [--events N] [--json]`: compiles the bench and runs it. Node 20 does not run TypeScript.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const step = (command, args) => {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error || status !== 0) {
    process.stderr.write(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}\n`);
    process.exit(status || 1);
  }
};

// The product is measured as it is built; --no-build takes the dist that is there.
if (!process.argv.includes('--no-build')) step(process.execPath, ['scripts/build.mjs']);
step(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', path.join(root, 'bench/tsconfig.json')]);

const { main } = await import(path.join(root, 'dist-bench/bench/main.js'));
process.exitCode = await main(
  process.argv.slice(2).filter((word) => word !== '--no-build'),
  root,
);
