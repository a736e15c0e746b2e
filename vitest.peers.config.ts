import { defineConfig } from 'vitest/config';

/** Foreign programs read what Keystone writes and call what it serves; they need Python and Go, so they are not part of `npm test`. */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    include: ['test/peers/**/*.peers.ts'],
    globalSetup: ['test/peers/peer-python.ts', 'test/peers/peer-grpcurl.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
