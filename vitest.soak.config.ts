import { defineConfig } from 'vitest/config';

/** Minutes of work beside each other, with foreign programs as witnesses; `KEYSTONE_SOAK_SECONDS` says how long. */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    include: ['test/soak/**/*.soak.ts'],
    globalSetup: 'test/peers/peer-python.ts',
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
