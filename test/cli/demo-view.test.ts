import { expect, it } from 'vitest';
import { demoVerdict, demoView } from '../../src/cli/demo-view.js';
import type { DemoReport } from '../../src/core/demo/demo-report.js';

const table = (...rows: DemoReport['insights']['growth']['rows'][number][]) => ({
  columns: [],
  rows,
  truncated: false,
  bytesScanned: 0,
});

const REPORT: DemoReport = {
  project: '/tmp/demo',
  kept: true,
  sent: { events: 3, founding: 1, seconds: 1, source: 'a made-up shop' },
  consumed: { events: 3, seconds: 1 },
  validated: { partitions: 2, failedErrors: ['order_items.price_positive'], failedWarnings: [] },
  gold: { 'gold.fact_sales': 1 },
  goldSeconds: 1,
  insights: {
    growth: table({ purchase_month: '2017-11', revenue: '1234.50', growth_percent: null }),
    logistics: table({ customer_state: null, delivery_days: 7.5, on_time_percent: 100 }),
    segments: table({ segment: 'new', customers: 1, money: '1234.50' }),
    bestDay: null,
  },
  rejects: [{ zone: 'quarantine', reason: 'rule:price_positive', events: 1 }],
  account: {
    mode: 'deep',
    closed: true,
    partitions: [],
    totals: {
      bronze: 3,
      processed: 3,
      unprocessed: 0,
      silver: { orders: 2 },
      dispositions: { quarantined: 1 },
      pending: 0,
      lostAtMost: 0,
      expiredUnreadAtMost: 0,
    },
    losses: [],
    expiredUnread: [],
    breaks: [],
    rolledBack: [],
    inFlight: [],
    spool: null,
    warnings: [],
  },
  faults: [
    { kind: 'price_zero', title: 'Price 0', expected: 'quarantine rule:price_positive', events: 1, asExpected: 1, misplaced: [] },
  ],
  rows: [{ table: 'silver.orders', expected: 2, found: 2 }],
  seconds: 3,
  passed: true,
};

it('shows the way, the insights, the faults and what to do next', () => {
  const view = demoView(REPORT);
  expect(view).toContain('R$ 1,234.50');
  expect(view).toContain('unknown   7.5 days');
  expect(view).toMatch(/✓ +Price 0 +quarantine rule:price_positive +1 of 1/);
  expect(view).toContain('cd /tmp/demo');
  expect(demoVerdict(REPORT)).toBe('Done. 3 events, 1 of them seeded faults, each where it belongs, account closed, in 3.0 s.');
});

it('names what is wrong', () => {
  const failed: DemoReport = {
    ...REPORT,
    passed: false,
    faults: REPORT.faults.map((fault) => ({
      ...fault,
      asExpected: 0,
      misplaced: [{ event: 'order_items-7', position: '1/5', expected: fault.expected, found: 'silver' }],
    })),
    rows: [{ table: 'silver.orders', expected: 2, found: 1 }],
  };
  expect(demoView(failed)).toContain('✗ Price 0: order_items-7 at 1/5 is in silver, not quarantine rule:price_positive');
  expect(demoView(failed)).toContain('✗ silver.orders: 1 rows, not 2');
  expect(demoVerdict(failed)).toBe(
    'Failed. 1 of 1 seeded faults are not where they belong: order_items-7; silver.orders has 1 rows, not 2.',
  );
});
