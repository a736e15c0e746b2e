/**
 * Compaction, expiry, orphan removal and another partition spec, again and again, beside a consumer that works and readers that ask:
 * no reader may ever see a wrong count, and at the end every row must be where one undisturbed consumer would have put it.
 */
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { openEmbeddedLog } from '../../src/core/log/embedded-log.js';
import type { TableDescription, TableSummary } from '../../src/core/table/describe-table.js';
import { askPython } from '../peers/ask-python.js';
import { fingerprintSql, type TableFingerprint } from '../peers/table-fingerprint.js';
import { runCli, startCli } from '../support/cli-process.js';
import { systemEffects } from '../support/effects.js';
import { lakeContents, WINNERS } from '../support/lake-contents.js';
import { mixedEvents } from '../support/mixed-events.js';
import { DEFAULT_TOPIC, smallProject } from '../support/small-project.js';
import { tempDir } from '../support/temp-dir.js';
import { testLake } from '../support/test-lake.js';

const SECONDS = Number(process.env['KEYSTONE_SOAK_SECONDS'] ?? 300);
const PARTITIONS = 3;
const EVENTS_AT_ONCE = 40;
const LAYOUTS = ['hour', 'hour+bucket:4:source', 'day'];

const partitionOf = (id: Uint8Array | undefined): number =>
  (id ?? new Uint8Array()).reduce((sum, byte) => (sum * 31 + byte) % 65_521, 0) % PARTITIONS;

interface Count {
  readonly rows: number;
  readonly places: number;
  readonly keys: number;
  readonly ahead: number;
}

test(`tables stay right while they are cared for, for ${SECONDS} s`, { timeout: (SECONDS + 900) * 1000 }, async () => {
  const cwd = await smallProject(0);
  await cp(path.resolve('templates/models'), path.join(cwd, 'models'), { recursive: true });
  const log = await openEmbeddedLog({ path: path.join(cwd, '.keystone', 'log.db'), clock: systemEffects().clock });
  await log.ensureTopic(DEFAULT_TOPIC, PARTITIONS);

  const ends = Date.now() + SECONDS * 1000;
  const goesOn = (): boolean => Date.now() < ends;
  const done: Record<string, number> = {};
  const count = (what: string, times = 1): void => void (done[what] = (done[what] ?? 0) + times);
  const cli = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(args, { cwd });
    expect(code, `keystone ${args.join(' ')}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`).toBe(0);
    return stdout;
  };

  const produce = async (): Promise<void> => {
    for (let batch = 1; goesOn(); batch++) {
      const events = mixedEvents(EVENTS_AT_ONCE, { seed: batch, partitions: PARTITIONS, prefix: `b${batch % 50}-` });
      await log.append(
        DEFAULT_TOPIC,
        events.map((event, n) => ({
          ...event,
          // The same id in two partitions: which of them is first would depend on when each was read.
          partition: partitionOf(event.headers[0]?.value),
          headers: [...event.headers, { key: 'ks-source', value: Buffer.from(`producer-${n % 7}`) }],
        })),
      );
      count('events', events.length);
      await sleep(150);
    }
  };

  const settings = [
    'care.everyCommits=4',
    'care.minFiles=4',
    'care.keepSnapshots=20',
    'care.keepFor=60s',
    'consume.leaseTtl=60s',
  ];
  const consumer = startCli(['consume', 'run', '--flush-interval', '200ms', ...settings.flatMap((one) => ['--set', one])], {
    cwd,
  });

  const care = async (): Promise<void> => {
    for (let round = 0; goesOn(); round++) {
      if (!(await cli('table', 'list')).includes('bronze.events')) continue;
      const { result } = JSON.parse(await cli('table', 'compact', '--json')) as {
        result: { tables: readonly { readonly merged: number; readonly conflicts: number }[] };
      };
      for (const { merged, conflicts } of result.tables) {
        count('files merged by hand', merged);
        count('conflicts', conflicts);
      }
      // A minute is what a reader may take.
      await cli('table', 'expire', '--keep', '10', '--older-than', '60s', '--yes');
      count('expiries');
      await cli('table', 'layout', 'bronze.events', '--to', LAYOUTS[round % LAYOUTS.length] as string);
      count('layouts');
      if (round % 3 === 2) await cli('table', 'orphans', '--older-than', '1h', '--yes');
      await sleep(1000);
    }
  };

  /** One reader in this process, as a notebook would hold it open: each question is answered of one moment. */
  const read = async (): Promise<void> => {
    const { lake } = await testLake({ dir: cwd });
    const last = new Map<string, number>();
    while (goesOn()) {
      const names = await lake.tableNames();
      const engine = await lake.engine();
      const ask = async (table: string, sql: string): Promise<void> => {
        if (!names.some((name) => name === table)) return;
        const [found] = (await engine.query(sql)).rows as unknown as readonly Count[];
        const { rows, places, keys, ahead } = Object.fromEntries(
          Object.entries(found ?? {}).map(([name, value]) => [name, Number(value)]),
        ) as unknown as Count;
        expect({ table, places, keys }).toEqual({ table, places: rows, keys: rows });
        expect({ table, rows, ahead }).toEqual({ table, rows, ahead: table === 'bronze.events' ? rows : ahead });
        expect(rows, `${table} lost rows`).toBeGreaterThanOrEqual(last.get(table) ?? 0);
        last.set(table, rows);
        count(`questions to ${table}`);
      };
      const position = 'count(DISTINCT (kafka_partition, kafka_offset))';
      await ask(
        'bronze.events',
        `SELECT count(*) AS rows, ${position} AS places, ${position} AS keys,
          (SELECT sum(top) FROM (SELECT max(kafka_offset) + 1 AS top FROM bronze.events GROUP BY kafka_partition)) AS ahead FROM bronze.events`,
      );
      await ask(
        'silver.orders',
        'SELECT count(*) AS rows, count(DISTINCT (_partition, _offset)) AS places, count(DISTINCT order_id) AS keys, 0 AS ahead FROM silver.orders',
      );
      await ask(
        'quarantine.events',
        `SELECT count(*) AS rows, ${position} AS places, ${position} AS keys, 0 AS ahead FROM quarantine.events`,
      );
      await ask(
        'ledger.dispositions',
        `SELECT count(*) AS rows, ${position} AS places, ${position} AS keys, 0 AS ahead FROM ledger.dispositions`,
      );
      await sleep(100);
    }
  };

  const account = async (): Promise<void> => {
    while (goesOn()) {
      await sleep(5000);
      if (!(await cli('table', 'list')).includes('ledger.dispositions')) continue;
      await cli('ledger', 'verify');
      count('accounts');
    }
  };

  try {
    await Promise.all([produce(), care(), read(), account()]);
  } finally {
    consumer.child.kill('SIGTERM');
  }
  const { stderr } = await consumer.ended;
  expect(stderr).not.toMatch(/KS_|not compacted/);
  await cli('consume', 'run', '--until-caught-up');
  await log.close();
  await cli('ledger', 'verify');
  await cli('ledger', 'verify', '--deep');
  console.log(JSON.stringify(done));
  expect(done['files merged by hand']).toBeGreaterThan(0);

  // The same log, consumed once by one consumer whom nobody disturbs.
  const elsewhere = await tempDir();
  await cp(cwd, elsewhere, { recursive: true });
  await rm(path.join(elsewhere, 'lake'), { recursive: true });
  const { lake: undisturbed } = await testLake({ dir: elsewhere, care: { automatic: false } });
  await runCli(['consume', 'run', '--until-caught-up', '--set', 'care.automatic=false'], { cwd: elsewhere });
  const { lake } = await testLake({ dir: cwd });
  const [made, expected] = [await lakeContents(lake, WINNERS), await lakeContents(undisturbed, WINNERS)];
  for (const table of Object.keys(expected) as (keyof typeof expected)[]) {
    expect({ table, same: JSON.stringify(made[table]) === JSON.stringify(expected[table]) }).toEqual({ table, same: true });
  }

  if (inject('peerPython') === null) return;
  const tables = (JSON.parse(await cli('table', 'list', '--json')) as { result: readonly TableSummary[] }).result;
  const described: TableDescription[] = [];
  for (const { name, rows } of tables) {
    if (rows > 0) described.push((JSON.parse(await cli('table', 'show', name, '--json')) as { result: TableDescription }).result);
  }
  const answer = JSON.parse(await cli('query', fingerprintSql(described), '--json')) as {
    result: { rows: readonly { readonly name: string; readonly fingerprint: string }[] };
  };
  const ours = Object.fromEntries(
    answer.result.rows.map(({ name, fingerprint }) => [name, JSON.parse(fingerprint) as TableFingerprint]),
  );
  const requests = described.map(({ name, metadataLocation: metadata }) => ({ name, metadata }));
  expect(await askPython<Record<string, TableFingerprint>>('fingerprint.py', requests)).toEqual(ours);
});
