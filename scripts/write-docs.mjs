// Writes the pages of docs/ that come from the code; test/docs.test.ts fails when they are behind it.
import { writeFileSync } from 'node:fs';
import { describeSettings } from '../dist/core/config/describe-settings.js';
import { describeErrors } from '../dist/core/describe-errors.js';
import { describeMetrics } from '../dist/core/metrics/describe-metrics.js';

const docs = new URL('../docs/', import.meta.url);
writeFileSync(new URL('configuration.md', docs), describeSettings());
writeFileSync(new URL('errors.md', docs), describeErrors());
writeFileSync(new URL('metrics.md', docs), describeMetrics());
