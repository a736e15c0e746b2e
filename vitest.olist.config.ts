import { defineConfig } from 'vitest/config';

/** The real Olist files, all 1,550,868 rows: minutes rather than seconds, so not part of `npm test`. */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    // Which Node runs where is said by package.json.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    include: ['test/**/*.olist.ts'],
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000,
    pool: 'forks',
    // Two homes beside each other: half of each one's time its services work.
    maxWorkers: 2,
  },
});
