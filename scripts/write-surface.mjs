// Writes test/cli/surface.json: the commands and flags that scripts of users rely on. A change of it is a decision, seen in review.
import { writeFileSync } from 'node:fs';
import { Config, settings } from '@oclif/core';
import { commandSurface } from '../dist/cli/command-surface.js';

settings.enableAutoTranspile = false;
const config = await Config.load({ root: new URL('..', import.meta.url).pathname, devPlugins: false, userPlugins: false });
writeFileSync(new URL('../test/cli/surface.json', import.meta.url), `${JSON.stringify(commandSurface(config), undefined, 2)}\n`);
