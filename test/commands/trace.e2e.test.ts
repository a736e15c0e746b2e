import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Trace } from '../../src/core/trace/run-trace.js';
import { isBuilt, runCli, type CliEnd } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';
import { catchUp } from '../support/violent-project.js';

const orders = [
  { order_id: 'A', customer_id: 'c', order_status: 'created', order_purchase_timestamp: '2017-10-02 10:00:00' },
  { order_id: 'A', customer_id: 'c', order_status: 'shipped', order_purchase_timestamp: '2017-10-02 10:00:00' },
  { order_id: 'B', customer_id: '', order_status: 'created', order_purchase_timestamp: '2017-10-02 10:00:00' },
];

describe.skipIf(!isBuilt())('keystone trace', { timeout: 120_000 }, () => {
  it('answers by place, id and key, as text and JSON, and refuses wrong uses', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\n');
    await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
    const cli = (...args: readonly string[]): Promise<CliEnd> => runCli(['trace', ...args], { cwd: dir });
    const resultOf = async (...args: readonly string[]): Promise<Trace> => {
      const { code, stdout, stderr } = await cli(...args, '--json');
      expect(code, stderr + stdout).toBe(0);
      return (JSON.parse(stdout) as { result: Trace }).result;
    };
    const empty = await cli('anything');
    expect([empty.code, empty.stdout]).toEqual([2, '']);
    expect(empty.stderr).toContain('nothing was landed yet');

    const input = orders.map((order) => JSON.stringify(order)).join('\n');
    const sent = await runCli(['ingest', 'send', '-', '--direct', '--dataset', 'orders'], { cwd: dir, input });
    expect(sent.code, sent.stderr).toBe(0);
    const waiting = await resultOf('--key', 'B', '--dataset', 'orders');
    expect(waiting.events).toMatchObject([{ verdict: { kind: 'pending', waitsFor: 'bronze' }, bronze: null }]);
    await catchUp(dir);

    const { events } = await resultOf('--key', 'order_id=A');
    expect(events.map(({ verdict }) => verdict.kind)).toEqual(['superseded', 'current']);
    const [first, second] = events;
    const place = `${first?.topic}/${first?.partition}/${first?.offset}`;
    const text = await cli(place);
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toContain(`orders event ${first?.eventId}\n`);
    expect(text.stdout).toMatch(/superseded +by \S+\/\d+\/\d+ \(/);
    expect(text.stderr).toContain(
      `Done. 1 event; go on with: keystone trace ${second?.topic}/${second?.partition}/${second?.offset}`,
    );
    expect(await resultOf(second?.eventId ?? '')).toMatchObject({ total: 1, events: [{ verdict: { kind: 'current' } }] });
    const rejected = await cli('--key', 'B');
    expect(rejected.stdout).toMatch(/quarantined +missing:customer_id \(contract 1\.0\.0\)/);
    expect(rejected.stderr).toContain('keystone quarantine show');

    const wrong = async (code: string, ...args: readonly string[]): Promise<string> => {
      const end = await cli(...args, '--json');
      const { error } = JSON.parse(end.stdout) as { error: { code: string; message: string; hint: string } };
      expect([end.code, error.code], args.join(' ')).toEqual([2, code]);
      expect(error.hint).not.toBe('');
      return error.message;
    };
    expect(await wrong('KS_USAGE')).toContain('nothing to trace');
    expect(await wrong('KS_USAGE', 'x', '--key', 'y')).toContain('cannot be traced together');
    expect(await wrong('KS_NOT_FOUND', '--key', 'A', '--dataset', 'nobody')).toContain('no contract for the dataset "nobody"');
    expect(await wrong('KS_NOT_FOUND', 'olist-enterprise-events/99/0')).toContain('no partition 99');
  });
});
