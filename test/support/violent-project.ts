/** A small project for tests that kill, suspend and damage: mixed events in its log, small batches, short leases. */
import { existsSync } from 'node:fs';
import { cp, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/core/config/load-config.js';
import { openEmbeddedLog } from '../../src/core/log/embedded-log.js';
import type { Account } from '../../src/core/ledger/account.js';
import { type Lakehouse, openLakehouse } from '../../src/core/lakehouse.js';
import { verifyLedger } from '../../src/core/ledger/verify.js';
import { openSqliteFile } from '../../src/core/sqlite/sqlite-file.js';
import { type CliEnd, type CliProcess, runCli, startCli } from './cli-process.js';
import { systemEffects } from './effects.js';
import { lakeContents } from './lake-contents.js';
import { mixedEvents } from './mixed-events.js';
import { tempDir } from './temp-dir.js';

const PARTITIONS = 3;
const TOPIC = 'olist-enterprise-events';

export interface LogFilling {
  readonly events: number;
  readonly seed: number;
  readonly prefix?: string;
}

/** Appends mixed events, a few at a time, so that their log times differ. */
export async function appendMixed(dir: string, { events, seed, prefix = '' }: LogFilling): Promise<void> {
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone', 'log.db'), clock: systemEffects().clock });
  const partitions = await log.ensureTopic(TOPIC, PARTITIONS);
  const records = mixedEvents(events, { seed, partitions, prefix });
  for (let at = 0; at < records.length; at += 20) await log.append(TOPIC, records.slice(at, at + 20));
  await log.close();
}

/** A project whose log holds mixed events, nothing of them consumed. */
export async function violentProject(filling: LogFilling, flushRows = 40, makeDir = tempDir): Promise<string> {
  const dir = await makeDir();
  const consume = `consume:\n  leaseTtl: 1s\n  flushRows: ${flushRows}\n  flushInterval: 200ms\n`;
  await writeFile(path.join(dir, 'keystone.yaml'), `version: 1\n${consume}`);
  await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
  await appendMixed(dir, filling);
  return dir;
}

export async function copyOf(dir: string): Promise<string> {
  const copy = await tempDir();
  await cp(dir, copy, { recursive: true });
  return copy;
}

/** A consumer that is killed at the end of the test, whatever happens. */
export function startConsumer(dir: string, args: readonly string[] = []): CliProcess {
  const consumer = startCli(['consume', 'run', ...args], { cwd: dir });
  onTestFinished(async () => {
    consumer.child.kill('SIGKILL');
    await consumer.ended;
  });
  return consumer;
}

/**
 * Suspends it at a moment when it holds no lock of the log's or the state's file: whoever stands still with such a lock in hand keeps
 * everybody else out of the file, and nobody takes over from it until it wakes or dies. False when it had ended before.
 */
export async function suspendUnlocked(consumer: CliProcess, dir: string): Promise<boolean> {
  const { child } = consumer;
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  while (!isOver()) {
    child.kill('SIGSTOP');
    while (!isOver() && !(await standsStill(child.pid!))) await pause(2);
    // What stands still neither takes nor gives a lock: the answer stays true.
    const files = ['log.db', 'state.db'].map((name) => path.join(dir, '.keystone', name)).filter(existsSync);
    if (!isOver() && files.every(isUnlocked)) return true;
    child.kill('SIGCONT');
    await pause(5);
  }
  return false;
}

/** All its threads; where there is no /proc, what was asked for is believed. */
async function standsStill(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const states = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/status`, 'utf8').catch(() => 'State:\tT')),
  );
  return states.every((status) => /^State:\s+[tT]/m.test(status));
}

function isUnlocked(file: string): boolean {
  try {
    const db = openSqliteFile(file, { busyTimeoutMs: 0 });
    try {
      db.immediate(() => undefined);
    } finally {
      db.close();
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(String(error.code))) return false;
    throw error;
  }
}

export const CAUGHT_UP = ['--until-caught-up', '--json'] as const;

export async function catchUp(dir: string): Promise<CliEnd> {
  const end = await runCli(['consume', 'run', ...CAUGHT_UP], { cwd: dir });
  expect(end, end.stderr + end.stdout).toMatchObject({ code: 0 });
  return end;
}

/** What `ledger verify` says; the exit code is 3 exactly when it does not close. */
export async function verify(dir: string, args: readonly string[] = ['--deep']): Promise<Account> {
  const { code, stdout, stderr } = await runCli(['ledger', 'verify', ...args, '--json'], { cwd: dir });
  const { result } = JSON.parse(stdout) as { readonly result?: Account };
  if (!result) throw new Error(`ledger verify ended with ${code}: ${stdout}${stderr}`);
  expect(code).toBe(result.closed ? 0 : 3);
  return result;
}

/** Judged inside the test: a process less for each look. */
export async function expectClosed(dir: string, when: string): Promise<Account> {
  const lake = await openLake(dir);
  const account = await verifyLedger(lake, { deep: true });
  await lake.close();
  expect({ when, breaks: account.breaks, rolledBack: account.rolledBack }).toEqual({ when, breaks: [], rolledBack: [] });
  return account;
}

/** The project's lake opened in the test; the caller closes it. */
export const openLake = async (dir: string): Promise<Lakehouse> =>
  openLakehouse(await loadConfig({ cwd: dir, env: {} }), systemEffects());

export async function contentsOf(dir: string): Promise<Awaited<ReturnType<typeof lakeContents>>> {
  const lake = await openLake(dir);
  const contents = await lakeContents(lake);
  await lake.close();
  return contents;
}

/** Snapshot ids of every table, from oldest to newest. */
export async function snapshotsOf(dir: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const lake = await openLake(dir);
  const snapshots: Record<string, readonly string[]> = {};
  for (const name of await lake.tableNames()) {
    snapshots[name] = ((await (await lake.table(name))?.state())?.snapshots ?? []).map(({ id }) => id.toString());
  }
  await lake.close();
  return snapshots;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Files below the lake folder. */
export async function lakeFiles(dir: string): Promise<readonly string[]> {
  const entries = await readdir(path.join(dir, 'lake'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}
