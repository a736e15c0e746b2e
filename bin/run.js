#!/usr/bin/env node
// The entry of the command line. It loads nothing heavy: commands import their core inside run().
import { existsSync, readFileSync, writeSync } from 'node:fs';

// A reader that stops early (`| head -1`) is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    // Written at once: the process ends here, and standard error itself may be what is full.
    if (stream === process.stdout) {
      try {
        writeSync(2, `Error KS_STORE: the output could not be written: ${error.message}\n`);
      } catch {
        // Nobody can be told.
      }
    }
    process.exit(5);
  });
}

const given = process.argv.slice(2);
// `help consume run` is `consume run --help`.
const args = given[0] === 'help' ? [...given.slice(1), '--help'] : given;
if (args.length === 1 && (args[0] === '--version' || args[0] === '-v')) {
  // Asked for by every script that checks for the tool: answered without loading the framework.
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else if (!existsSync(new URL('../dist/commands', import.meta.url))) {
  process.stderr.write('Error KS_USAGE: Keystone is not built here.\n  Try: npm run build\n');
  process.exitCode = 2;
} else {
  const { execute, settings } = await import('@oclif/core');
  // Only dist is ever run, whatever NODE_ENV says.
  settings.enableAutoTranspile = false;
  await execute({ dir: import.meta.url, args });
}
