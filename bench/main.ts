/** Parses the bench's own words; every bench is a function in its own file. */
import { renderResult, type BenchOptions, type BenchResult } from './bench-result.js';

const BENCHES: Readonly<Record<string, () => Promise<(options: BenchOptions) => Promise<BenchResult>>>> = {
  startup: async () => (await import('./startup.js')).benchStartup,
  ingest: async () => (await import('./ingest.js')).benchIngest,
  outage: async () => (await import('./outage.js')).benchOutage,
  trace: async () => (await import('./trace.js')).benchTrace,
  consume: async () => (await import('./consume.js')).benchConsume,
};
/** Over a real broker, beside the founding programs. */
const KAFKA_BENCHES: typeof BENCHES = {
  outage: async () => (await import('./outage.js')).benchOutage,
  ingest: async () => (await import('./ingest-kafka.js')).benchIngestKafka,
  consume: async () => (await import('./consume-kafka.js')).benchConsumeKafka,
};
const PROFILES: Readonly<Record<string, typeof BENCHES>> = { embedded: BENCHES, kafka: KAFKA_BENCHES };

const USAGE =
  'npm run bench -- ingest|consume|outage|trace|startup [--profile embedded|kafka] [--events N] [--json] [--no-build]';

/** Resolves to the exit code. */
export async function main(words: readonly string[], root: string): Promise<number> {
  const { parseArgs } = await import('node:util');
  let name: string | undefined;
  let events: string | undefined;
  let json: boolean | undefined;
  let profile = 'embedded';
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { events: { type: 'string' }, json: { type: 'boolean' }, profile: { type: 'string', default: 'embedded' } },
    });
    ({ events, json, profile } = values);
    [name] = positionals;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
  const load = name === undefined ? undefined : PROFILES[profile]?.[name];
  if (!load || (events !== undefined && !/^[1-9]\d*$/.test(events))) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const bench = await load();
  const result = await bench({
    root,
    events: events === undefined ? null : Number(events),
    say: (text) => void process.stderr.write(`${text}\n`),
  });
  process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : `${renderResult(result)}\n`);
  return 0;
}
