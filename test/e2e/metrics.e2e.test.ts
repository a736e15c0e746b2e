/** `ingest serve`, `consume run` and `lag publish` as Prometheus and a log reader see them. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, startCli, type CliProcess } from '../support/cli-process.js';
import { smallProject } from '../support/small-project.js';
import { pause } from '../support/violent-project.js';

type Line = Readonly<Record<string, unknown>>;

const linesOf = (text: string): readonly Line[] =>
  text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);

async function until<T>(what: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let tries = 0; tries < 3000; tries++) {
    const found = await what();
    if (found !== undefined) return found;
    await pause(50);
  }
  throw new Error('it does not come');
}

function started(args: readonly string[], dir: string): CliProcess {
  const running = startCli(args, { cwd: dir, env: { NODE_ENV: 'production' } });
  onTestFinished(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
  });
  return running;
}

/** Value of a series on the page; undefined where it is not. */
async function series(url: string, name: string): Promise<number | undefined> {
  const page = await (await fetch(url)).text();
  const line = page.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

async function pageOf(running: CliProcess): Promise<string> {
  const line = await until(() => linesOf(running.stderr()).find(({ event }) => event === 'metrics.started'));
  return (line['places'] as readonly string[])[0] ?? '';
}

/** A loaded machine takes its time to start processes. */
const LONG_MS = 180_000;
const ORDER = JSON.stringify({ order_id: 'o-1', customer_id: 'c-1' });

describe.skipIf(!isBuilt())('numbers and log lines of what works on and on', () => {
  it(
    'ingest serve with two workers: one page for both, one trace, and nothing uncounted when a worker is gone',
    { timeout: LONG_MS },
    async () => {
      const dir = await smallProject(0);
      const ports = ['--port', '0', '--http-port', '0', '--metrics-port', '0'];
      const running = started(['ingest', 'serve', ...ports, '--workers', '2', '--json', '--log-format', 'json'], dir);
      const url = await pageOf(running);
      const line = await until(() => linesOf(running.stderr()).find(({ event }) => event === 'ingest.listening'));
      const { httpAddress, pids } = line['listening'] as { readonly httpAddress: string; readonly pids: readonly number[] };
      const send = async (): Promise<number> => {
        const headers = { 'content-type': 'application/x-ndjson', connection: 'close' };
        const answer = await fetch(`http://${httpAddress}/v1/events/orders`, { method: 'POST', body: `${ORDER}\n`, headers });
        return answer.status;
      };
      for (const status of await Promise.all(Array.from({ length: 10 }, send))) expect(status).toBeLessThan(300);
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      await fetch(`http://${httpAddress}/v1/events/orders`, { method: 'POST', body: 'no CSV', headers: { traceparent } });
      const accepted = 'keystone_ingest_events_total{outcome="accepted"}';
      await until(async () => ((await series(url, accepted)) === 10 ? true : undefined));
      expect(await series(url, 'keystone_append_seconds_count')).toBeGreaterThan(0);
      expect(await series(url, 'keystone_ingest_bytes_total{outcome="accepted"}')).toBeGreaterThanOrEqual(10 * ORDER.length);
      await until(async () => ((await series(url, 'keystone_in_flight_bytes')) === 0 ? true : undefined));
      const refusals = linesOf(running.stderr()).filter(({ event }) => event === 'ingest.refused');
      expect(refusals).toMatchObject([{ code: '415', clientTraceId: '4bf92f3577b34da6a3ce929d0e0e4736' }]);
      expect(pids).toContain(refusals[0]?.['worker']);

      process.kill(pids[0] ?? 0, 'SIGKILL');
      await until(() => linesOf(running.stderr()).find(({ event }) => event === 'ingest.workerStarted'));
      expect(await series(url, accepted)).toBe(10);

      running.child.kill('SIGTERM');
      const end = await running.ended;
      expect(end.code).toBe(0);
      const lines = linesOf(end.stderr);
      expect(lines.length).toBe(end.stderr.trimEnd().split('\n').length);
      expect(new Set(lines.map(({ traceId }) => traceId)).size).toBe(1);
      const events = lines.map(({ event }) => event);
      for (const event of ['ingest.workerExited', 'command.stopping', 'ingest.draining', 'command.ended'])
        expect(events).toContain(event);
      const { warnings } = JSON.parse(end.stdout) as { readonly warnings: readonly string[] };
      expect(warnings).toEqual([expect.stringContaining(`worker ${pids[0]} ended (SIGKILL)`)]);
      await expect(fetch(url)).rejects.toThrow();
    },
  );

  it(
    'consume run: what it lands and derives, its life in lines, and metric lines where they are asked for',
    { timeout: LONG_MS },
    async () => {
      const dir = await smallProject(30);
      const asked = ['--metrics-port', '0', '--flush-interval', '100ms', '--log-format', 'json', '--set', 'metrics.emf=true'];
      const running = started(['consume', 'run', ...asked], dir);
      const url = await pageOf(running);
      const topic = 'topic="olist-enterprise-events"';
      await until(async () => ((await series(url, `keystone_landed_events_total{${topic}}`)) === 30 ? true : undefined));
      const derived = `keystone_derived_events_total{${topic},class="quarantined"}`;
      await until(async () => ((await series(url, derived)) === 30 ? true : undefined));
      expect(await series(url, `keystone_lake_lag_events{${topic},partition="0"}`)).toBe(0);
      running.child.kill('SIGTERM');
      const lines = linesOf((await running.ended).stderr);
      const events = lines.map(({ event }) => event);
      const life = ['consume.started', 'lease.taken', 'batch.landed', 'range.derived', 'lease.released', 'consume.stopped'];
      const places = life.map((event) => events.indexOf(event));
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(lines.find(({ event }) => event === 'batch.landed')).toMatchObject({
        events: 30,
        partitions: ['0:0-10', '1:0-10', '2:0-10'],
      });
      expect(lines.filter((line) => '_aws' in line)).toContainEqual(
        expect.objectContaining({ LandedEvents: 30, Topic: 'olist-enterprise-events' }),
      );
    },
  );

  it(
    'lag publish: a page of its own; a port that is taken and a lag that would go nowhere are refused',
    { timeout: LONG_MS },
    async () => {
      const dir = await smallProject(1);
      const nowhere = runCli(['lag', 'publish', '--once'], { cwd: dir });
      const running = started(['lag', 'publish', '--metrics-port', '0', '--json', '--log-format', 'json'], dir);
      const line = await until(() => linesOf(running.stderr()).find(({ event }) => event === 'lag.publish_started'));
      const url = (line['places'] as readonly string[])[0] ?? '';
      const lag =
        'keystone_consumer_lag_events{group="lakehouse-enterprise-writers",topic="olist-enterprise-events",partition="0"}';
      await until(async () => ((await series(url, lag)) === 1 ? true : undefined));
      expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404);
      const taken = await runCli(['lag', 'publish', '--metrics-port', new URL(url).port], { cwd: dir });
      expect(taken.code).toBe(5);
      expect(taken.stderr).toContain('KS_PORT_IN_USE');
      const refused = await nowhere;
      expect(refused.code).toBe(4);
      expect(refused.stderr).toContain('metrics.adapter=cloudwatch');
      running.child.kill('SIGTERM');
      expect(await running.ended).toMatchObject({ code: 0 });
    },
  );
});
