// For `node --import`: prints every module that is loaded, one `module <url>` a line, on standard error.
import { writeSync } from 'node:fs';
import { createRequire, register } from 'node:module';

const hook = `
import { writeSync } from 'node:fs';
export async function load(url, context, nextLoad) {
  writeSync(2, 'module ' + url + '\\n');
  return nextLoad(url, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
// What CommonJS modules require of each other does not pass the hook.
const { cache } = createRequire(import.meta.url);
process.on('exit', () => {
  for (const file of Object.keys(cache)) writeSync(2, `module file://${file}\n`);
});
