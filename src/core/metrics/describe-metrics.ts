/** `docs/metrics.md`, from the table of instruments. */
import { cloudwatchUnit, dimensionName, INSTRUMENTS, type Instrument } from './instruments.js';

const HEAD = `# Metrics

<!-- Written by \`npm run docs\` from src/core/metrics/instruments.ts; a test compares them. -->

\`ingest serve\` and \`consume run\` count while they work; \`lag publish\` publishes the lag alone. Where the numbers go is set in the profile, each of them or several at once:

| setting | where |
|---|---|
| \`metrics.port\`, \`--metrics-port\` | a page for Prometheus, \`http://<metrics.host>:<port>/metrics\`; with \`--workers\` one for all of them |
| \`metrics.adapter: cloudwatch\` | PutMetricData each minute, in the namespace \`metrics.cloudwatch.namespace\`; while CloudWatch is away up to 20 000 points wait |
| \`metrics.emf: true\` with \`logging.format: json\` | lines of the Embedded Metric Format among the log lines, of which CloudWatch Logs makes the same metrics |

In CloudWatch \`lag publish\` sends each partition and, without the dimension \`Partition\`, the sum (of times: the greatest), since an alarm adds up nothing by itself. Nothing that counts
waits for where its numbers go, and none of it ever fails what it counts.

| Prometheus | kind | labels | CloudWatch | unit | meaning |
|---|---|---|---|---|---|
`;

/** The whole page, ending in a line end. */
export function describeMetrics(): string {
  const rows = Object.entries<Instrument>(INSTRUMENTS).map(([name, { kind, unit, labels, help, cloudwatch }]) => {
    const dimensions = labels.map((label) => `${label} (${dimensionName(label)})`).join(', ');
    return `| \`${name}\` | ${kind} | ${dimensions} | ${cloudwatch} | ${cloudwatchUnit(unit)} | ${help} |\n`;
  });
  return HEAD + rows.join('');
}
