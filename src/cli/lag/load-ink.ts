/** Loads the watch's screen in the way that a terminal of a person needs. */

/**
 * React takes its development build, which records every render and never lets go of the records, unless NODE_ENV says production;
 * ink draws nothing before the end where the environment names a CI, though here a terminal was found. Both look once, when
 * they are loaded.
 */
export async function loadInk(): Promise<typeof import('./show-watch.js')> {
  process.env['NODE_ENV'] = 'production';
  for (const name of ['CI', 'CONTINUOUS_INTEGRATION']) delete process.env[name];
  return import('./show-watch.js');
}
