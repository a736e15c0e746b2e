/** The demo's report as text for people. */
import path from 'node:path';
import { quoted } from './command-line.js';
import type { DemoReport } from '../core/demo/demo-report.js';
import type { JsonValue } from '../core/engine/sql-engine.js';

const whole = (value: number): string => value.toLocaleString('en-US');
const seconds = (value: number): string => `${value.toFixed(1)} s`;
const money = (value: unknown): string =>
  `R$ ${Number(value).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** Columns padded to their widest cell; those in `right` to the right. */
function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths = rows.reduce<number[]>((found, row) => row.map((cell, index) => Math.max(found[index] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, index) => (right.includes(index) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
      .join('   ')
      .trimEnd(),
  );
}

/** Nothing at all where there is nothing to say. */
const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];

/** A cell of a query's result. */
const text = (value: JsonValue | undefined): string =>
  typeof value === 'string' || typeof value === 'number' ? `${value}` : 'unknown';

const bar = (share: number): string => '█'.repeat(Math.max(1, Math.round(share * 24)));

function wayLines({ sent, consumed, account, validated, gold, goldSeconds }: DemoReport): string[] {
  const { dispositions } = account.totals;
  const lost = (verdict: string): string => whole(dispositions[verdict] ?? 0);
  return columns([
    [
      'sent',
      `${whole(sent.events)} events by gRPC in ${seconds(sent.seconds)}, each durable before its receipt` +
        (sent.founding > 0 ? ` (${whole(sent.founding)} through the founding service)` : ''),
    ],
    [
      'consumed',
      `${whole(sum(account.totals.silver))} silver rows, ${lost('quarantined')} quarantined, ${lost('error')} in the error zone, ` +
        `${lost('duplicate')} duplicates, ${lost('superseded')} superseded in ${seconds(consumed.seconds)}`,
    ],
    [
      'validated',
      `${whole(validated.partitions)} partitions; error-level checks ` +
        (validated.failedErrors.length === 0
          ? 'hold'
          : `failed in ${whole(validated.failedErrors.length)} places, whose rows are in quarantine`),
    ],
    ['gold', `${Object.keys(gold).length} tables, ${whole(sum(gold))} rows; validated and built in ${seconds(goldSeconds)}`],
  ]);
}

function insightLines({ insights }: DemoReport): string[] {
  const months = insights.growth.rows;
  const most = Math.max(1, ...months.map((row) => Number(row['revenue'])));
  const growth = columns(
    months.map((row) => {
      const percent = row['growth_percent'];
      // Against a month of a few orders a percentage says nothing.
      const change = typeof percent === 'number' && percent < 1000 ? `${percent > 0 ? '+' : ''}${percent.toFixed(1)} %` : '';
      return [text(row['purchase_month']), money(row['revenue']), change, bar(Number(row['revenue']) / most)];
    }),
    [1, 2],
  );
  const slowest = insights.logistics.rows.slice(0, 3).concat(insights.logistics.rows.slice(3).slice(-2));
  const logistics = columns(
    slowest.map((row) => [
      text(row['customer_state']),
      `${Number(row['delivery_days']).toFixed(1)} days`,
      `${Number(row['on_time_percent']).toFixed(1)} % on time`,
    ]),
    [1, 2],
  );
  const segments = columns(
    insights.segments.rows
      .toSorted((a, b) => Number(b['money']) - Number(a['money']))
      .map((row) => [text(row['segment']), whole(Number(row['customers'])), money(row['money'])]),
    [1, 2],
  );
  const best = insights.bestDay;
  return [
    ...section('Sales by month', [
      ...growth,
      ...(best ? [`best day ${best.day}: ${whole(best.orders)} orders, ${money(best.revenue)}`] : []),
    ]),
    ...section('Delivery, slowest and fastest states', logistics),
    ...section('Customer segments', segments),
  ];
}

function faultLines({ faults, rows }: DemoReport): string[] {
  if (faults.length === 0) return [];
  const lines = columns(
    faults.map((fault) => [
      fault.misplaced.length === 0 ? '✓' : '✗',
      fault.title,
      fault.expected,
      `${whole(fault.asExpected)} of ${whole(fault.events)}`,
    ]),
    [3],
  );
  const wrong = faults.flatMap(({ title, misplaced }) =>
    misplaced.map(
      ({ event, position, expected, found }) => `✗ ${title}: ${event} at ${position ?? '?'} is in ${found}, not ${expected}`,
    ),
  );
  const counts = rows
    .filter(({ expected, found }) => expected !== found)
    .map(({ table, expected, found }) => `✗ ${table}: ${whole(found)} rows, not ${whole(expected)}`);
  return section('Seeded faults, and where each must end', [...lines, ...wrong, ...counts]);
}

function accountLines({ account }: DemoReport): string[] {
  const { bronze } = account.totals;
  if (account.closed) return section('Account', [`✓ closed: each of ${whole(bronze)} events in bronze is in exactly one place`]);
  return section('Account', [
    ...account.breaks.map(({ table, detail, offsets }) => `✗ ${table}: ${detail} ${offsets.join(' ')}`.trimEnd()),
    ...account.rolledBack.map(({ table }) => `✗ ${table} is rolled back`),
  ]);
}

export function demoView(report: DemoReport): string {
  const { project, kept } = report;
  const rejects = columns(
    report.rejects.map(({ zone, reason, events }) => [zone, reason, whole(events)]),
    [2],
  );
  const places = columns([
    ['lake', path.join(project, 'lake'), 'Iceberg tables: bronze, silver, quarantine, error, ledger, gold'],
    ['log', path.join(project, '.keystone', 'log.db'), 'every event as it was accepted'],
    ['rules', path.join(project, 'contracts'), 'one contract for each dataset'],
  ]);
  const next = kept
    ? [
        `cd ${quoted(project)}`,
        'keystone query "SELECT * FROM gold.daily_regional_sales ORDER BY revenue DESC" --limit 5',
        'keystone quarantine list --limit 5',
        'keystone ledger verify --deep',
      ]
    : [
        'keystone demo --keep demo    (the same, and leaves the project in ./demo to look into)',
        'keystone init shop           (a project of your own)',
      ];
  return [
    ...wayLines(report),
    ...insightLines(report),
    ...section('Rejected, and kept with bytes and reasons', rejects),
    ...faultLines(report),
    ...accountLines(report),
    ...section(kept ? 'Where it lies' : 'Where it lay (removed now)', places),
    ...section('Next', next),
  ].join('\n');
}

/** The total line; a failure names the events. */
export function demoVerdict({ passed, sent, faults, rows, account, seconds: took }: DemoReport): string {
  const checked = faults.reduce((total, { events }) => total + events, 0);
  if (passed) {
    const seeded = checked > 0 ? `${checked} of them seeded faults, each where it belongs, ` : '';
    return `Done. ${sent.events} events, ${seeded}account closed, in ${seconds(took)}.`;
  }
  const misplaced = faults.flatMap((fault) => fault.misplaced);
  const wrong = [
    ...(misplaced.length > 0
      ? [
          `${misplaced.length} of ${checked} seeded faults are not where they belong: ${misplaced.map(({ event }) => event).join(', ')}`,
        ]
      : []),
    ...rows
      .filter(({ expected, found }) => expected !== found)
      .map(({ table, expected, found }) => `${table} has ${found} rows, not ${expected}`),
    ...(account.closed ? [] : ['the account does not close']),
  ];
  return `Failed. ${wrong.join('; ')}.`;
}
