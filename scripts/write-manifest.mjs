// Writes oclif.manifest.json: what each command is called and takes, so that a start loads only the command that runs.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Config, settings } from '@oclif/core';

const root = fileURLToPath(new URL('..', import.meta.url));
settings.enableAutoTranspile = false;
const config = await Config.load({ root, ignoreManifest: true, devPlugins: false, userPlugins: false });
const plugin =
  config.getPluginsList().find((candidate) => candidate.root === root.replace(/\/$/, '')) ?? config.getPluginsList()[0];
const { commands, version } = plugin.manifest;
const known = Object.keys(commands);
if (known.length === 0) throw new Error('no commands were found in dist/commands');
writeFileSync(`${root}oclif.manifest.json`, `${JSON.stringify({ commands, version }, undefined, 2)}\n`);
process.stderr.write(`Built ${known.length} commands.\n`);
