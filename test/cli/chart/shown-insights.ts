/** Insights small enough to check by eye. */
import type { Insight } from '../../../src/core/gold/gold-insight.js';
import type { ShownInsight } from '../../../src/cli/chart/insight-figures.js';

const shown = (insight: Omit<Insight, 'truncated' | 'bytesScanned'>): ShownInsight => ({
  insight: { ...insight, truncated: false, bytesScanned: 0 },
  rows: insight.rows,
});

export const growth = shown({
  insight: 'growth',
  asOf: null,
  totals: { orders: 6, items: 8, revenue: '1750.00', revenue_with_freight: '1800.00' },
  columns: [
    { name: 'purchase_month', type: 'VARCHAR' },
    { name: 'orders', type: 'BIGINT' },
    { name: 'revenue', type: 'DECIMAL(18,2)' },
    { name: 'growth_percent', type: 'DOUBLE' },
  ],
  rows: [
    { purchase_month: '2017-11', orders: 1, revenue: '250.00', growth_percent: null },
    { purchase_month: '2017-12', orders: 3, revenue: '1000.00', growth_percent: 300 },
    { purchase_month: '2018-02', orders: 2, revenue: '500.00', growth_percent: -50 },
  ],
});

export const logistics = shown({
  insight: 'logistics',
  asOf: null,
  totals: { deliveries: 50 },
  columns: [
    { name: 'customer_state', type: 'VARCHAR' },
    { name: 'deliveries', type: 'BIGINT' },
    { name: 'delivery_days', type: 'DOUBLE' },
    { name: 'on_time_percent', type: 'DOUBLE' },
  ],
  rows: [
    { customer_state: 'RR', deliveries: 10, delivery_days: 20, on_time_percent: 87.8 },
    { customer_state: 'SP', deliveries: 40, delivery_days: 5, on_time_percent: 100 },
  ],
});

/** With a segment named to break out of a page. */
export const segments = shown({
  insight: 'segments',
  asOf: '2018-03-01',
  totals: { customers: 30, money: '900.00' },
  columns: [
    { name: 'segment', type: 'VARCHAR' },
    { name: 'customers', type: 'BIGINT' },
    { name: 'money', type: 'DECIMAL(18,2)' },
  ],
  rows: [
    { segment: '</script><b>&', customers: 10, money: '200.00' },
    { segment: 'new_big_spender', customers: 20, money: '700.00' },
  ],
});
