/** What is drawn of each insight, whatever draws it: titles, units of the columns, charts as data. */
import type { Insight, InsightName } from '../../core/gold/gold-insight.js';
import type { Row } from '../shape-rows.js';
import type { Unit } from './unit-text.js';

/** An insight with the rows that the list flags left of it. */
export interface ShownInsight {
  readonly insight: Insight;
  readonly rows: readonly Row[];
}

export interface FigureSeries {
  readonly name: string;
  readonly unit: Unit;
  readonly kind: 'bars' | 'line';
  readonly values: readonly number[];
}

/** One or two series over the same categories; the second has an axis of its own at the right. */
export interface Figure {
  readonly title: string;
  readonly labels: readonly string[];
  /** Whether labels may be left out where they do not fit: months may, names may not. */
  readonly continuous: boolean;
  readonly series: readonly FigureSeries[];
}

export interface FigureColumn {
  readonly heading: string;
  readonly unit: Unit;
}

interface InsightFigures {
  readonly title: string;
  readonly question: string;
  readonly columns: Readonly<Record<string, FigureColumn>>;
  readonly figures: (rows: readonly Row[]) => readonly Figure[];
}

const column = (heading: string, unit: Unit): FigureColumn => ({ heading, unit });
const numbers = (rows: readonly Row[], name: string): number[] => rows.map((row) => Number(row[name] ?? 0));
const names = (rows: readonly Row[], name: string): string[] => rows.map((row) => nameText(row[name]));

/** `new_big_spender` as people write it; a missing name is a dash. Names come from events: what would steer a terminal is a blank. */
const nameText = (value: unknown): string =>
  // eslint-disable-next-line no-control-regex
  typeof value === 'string' && value !== '' ? value.replaceAll(/_|[\u0000-\u001F\u007F-\u009F]/g, ' ') : '-';

export const INSIGHT_FIGURES: Readonly<Record<InsightName, InsightFigures>> = {
  growth: {
    title: 'Growth',
    question: 'Sales by purchase month, all statuses. Growth is that of revenue against the month listed before.',
    columns: {
      purchase_month: column('Month', 'text'),
      orders: column('Orders', 'count'),
      items: column('Items', 'count'),
      revenue: column('Revenue', 'money'),
      revenue_with_freight: column('Revenue with freight', 'money'),
      growth_percent: column('Growth', 'percent'),
    },
    figures: (rows) => {
      const months = everyMonth(rows);
      return [
        {
          title: 'Revenue and orders by purchase month',
          labels: names(months, 'purchase_month'),
          continuous: true,
          series: [
            { name: 'Revenue', unit: 'money', kind: 'bars', values: numbers(months, 'revenue') },
            { name: 'Orders', unit: 'count', kind: 'line', values: numbers(months, 'orders') },
          ],
        },
      ];
    },
  },
  logistics: {
    title: 'Logistics',
    question: 'Deliveries by the customer’s state, slowest first: orders that have a delivery time.',
    columns: {
      customer_state: column('State', 'text'),
      deliveries: column('Deliveries', 'count'),
      delivery_days: column('Delivery', 'days'),
      on_time: column('On time', 'count'),
      on_time_by_date: column('On time by date', 'count'),
      on_time_percent: column('Share on time', 'percent'),
    },
    figures: (rows) => [
      {
        title: 'Days from purchase to delivery, and share on time, by state',
        labels: names(rows, 'customer_state'),
        continuous: false,
        series: [
          { name: 'Delivery', unit: 'days', kind: 'bars', values: numbers(rows, 'delivery_days') },
          { name: 'On time', unit: 'percent', kind: 'line', values: numbers(rows, 'on_time_percent') },
        ],
      },
    ],
  },
  segments: {
    title: 'Segments',
    question: 'Customers of delivered orders, by how recently, how often and for how much they bought.',
    columns: {
      segment: column('Segment', 'text'),
      customers: column('Customers', 'count'),
      money: column('Money', 'money'),
    },
    figures: (rows) => {
      const byMoney = rows.toSorted((a, b) => Number(b['money'] ?? 0) - Number(a['money'] ?? 0));
      const bars = (title: string, name: string, unit: Unit): Figure => ({
        title,
        labels: names(byMoney, 'segment'),
        continuous: false,
        series: [{ name, unit, kind: 'bars', values: numbers(byMoney, name.toLowerCase()) }],
      });
      return [bars('Money by segment', 'Money', 'money'), bars('Customers by segment', 'Customers', 'count')];
    },
  },
};

/** In time order, with the months between that had no sale: a line over the listed ones alone would hide the gap. */
function everyMonth(rows: readonly Row[]): readonly Row[] {
  const byMonth = new Map(rows.map((row) => [nameText(row['purchase_month']), row]));
  const listed = [...byMonth.keys()].filter((month) => /^\d{4}-\d{2}$/.test(month)).toSorted();
  const [first, last] = [listed[0], listed.at(-1)];
  if (first === undefined || last === undefined) return [];
  const index = (month: string): number => Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1;
  return Array.from({ length: index(last) - index(first) + 1 }, (_, n) => {
    const at = index(first) + n;
    const month = `${String(Math.floor(at / 12)).padStart(4, '0')}-${String((at % 12) + 1).padStart(2, '0')}`;
    return byMonth.get(month) ?? { purchase_month: month };
  });
}
