import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // oclif writes to process.stdout directly; vitest's interception would swallow it.
    disableConsoleIntercept: true,
    // Which Node runs where is said by package.json.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Native modules (DuckDB, libsql) do not like being loaded into worker threads beside each other.
    pool: 'forks',
    maxWorkers: 2,
  },
});
