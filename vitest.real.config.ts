import { defineConfig } from 'vitest/config';

/** The real services of production (Kafka, S3, PostgreSQL), started on this machine; those that cannot be installed skip their tests. */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    // Which Node runs where is said by package.json.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    include: ['test/real/**/*.real.ts'],
    // A foreign reader of what lies in S3.
    globalSetup: ['test/peers/peer-python.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    pool: 'forks',
    // Most of the time goes to waiting for services that were killed, frozen or slowed.
    maxWorkers: 2,
  },
});
