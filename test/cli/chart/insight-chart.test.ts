import { describe, expect, it } from 'vitest';
import { barChart } from '../../../src/cli/chart/bar-chart.js';
import { insightChart } from '../../../src/cli/chart/insight-chart.js';
import { lineChart } from '../../../src/cli/chart/line-chart.js';
import { shortNumber } from '../../../src/cli/chart/unit-text.js';
import { growth, logistics, segments } from './shown-insights.js';

const plain = { widthColumns: 60, colour: false, unicode: true };

describe('insights as charts in text', () => {
  it('growth is a line over every month, also one without a sale', () => {
    expect(insightChart(growth, plain)).toMatchInlineSnapshot(`
      "Revenue (R$)
           1.0k     ┼    ╭╮
          909.1     ┤    ││
          818.2     ┤   ╭╯╰╮
          727.3     ┤  ╭╯  │
          636.4     ┤  │   ╰╮
          545.5     ┤ ╭╯    │      ╭
          454.5     ┤ │     │      │
          363.6     ┤╭╯     ╰╮    ╭╯
          272.7     ┼╯       │   ╭╯
          181.8     ┤        ╰╮ ╭╯
           90.9     ┤         │╭╯
              0     ┤         ╰╯
              2017-11   2018-01

      Orders
              3     ┼    ╭╮
            2.5     ┤   ╭╯╰╮
              2     ┤ ╭─╯  ╰╮      ╭
            1.5     ┤╭╯     │     ╭╯
              1     ┼╯      ╰╮  ╭─╯
            0.5     ┤        ╰╮╭╯
              0     ┤         ╰╯
              2017-11   2018-01
      "
    `);
  });

  it('logistics is a bar for each state, with the share on time', () => {
    expect(insightChart(logistics, plain)).toMatchInlineSnapshot(`
      "Days from purchase to delivery, and share on time, by state
      RR  ████████████████████████████  20.0 days   87.8 % on time
      SP  ███████                        5.0 days  100.0 % on time
      "
    `);
  });

  it('segments are bars by money and by customers, most money first; ASCII where the terminal has nothing else', () => {
    const text = insightChart(segments, { ...plain, unicode: false });
    expect(text).toMatchInlineSnapshot(`
      "Money by segment
      new big spender  ################################  R$ 700.00
      </script><b>&    #########                         R$ 200.00

      Customers by segment
      new big spender  #######################################  20
      </script><b>&    ####################                     10
      "
    `);
    // eslint-disable-next-line no-control-regex
    expect(text.replace(/^.*<\/script>.*$/gm, '')).toMatch(/^[\u0000-\u007F]*$/);
  });

  it('is coloured only when asked to be', () => {
    // eslint-disable-next-line no-control-regex
    const escape = /\u001B\[/;
    for (const insight of [growth, logistics]) {
      expect(insightChart(insight, plain)).not.toMatch(escape);
      expect(insightChart(insight, { ...plain, colour: true })).toMatch(escape);
    }
  });

  it('fits into every width', () => {
    for (const widthColumns of [40, 60, 80, 133]) {
      for (const insight of [growth, logistics, segments]) {
        for (const line of insightChart(insight, { ...plain, widthColumns }).split('\n')) {
          if (!/^[A-Z][a-z]+ .* by /.test(line)) expect(line.length).toBeLessThanOrEqual(widthColumns);
        }
      }
    }
  });

  it('says so when there is nothing to draw', () => {
    expect(insightChart({ ...growth, rows: [] }, plain)).toBe('There are no rows to draw.\n');
  });

  it('draws one point, points that are all zero, and the newest of more than fit', () => {
    expect(lineChart([{ label: 'x', value: 5 }], 4, plain)).toHaveLength(5);
    expect(
      lineChart(
        Array.from({ length: 3 }, () => ({ label: 'x', value: 0 })),
        4,
        plain,
      )[0],
    ).toContain('1');
    const many = Array.from({ length: 100 }, (_, n) => ({ label: `n${n}`, value: n }));
    expect(lineChart(many, 4, plain).at(-1)).toBe('(50 earlier ones do not fit)');
  });

  it('shows the thinnest bar for what is not zero, none for zero', () => {
    const bar = (label: string, value: number) => ({ label, value, text: String(value) });
    const [all, little, none] = barChart([bar('a', 1e6), bar('b', 1), bar('c', 0)], plain);
    expect(all).toContain('████');
    expect(little).toContain('▏');
    expect(none).toMatch(/^c +0$/);
  });

  it.each([
    [0, '0'],
    [12.34, '12.3'],
    [999, '999'],
    [1500, '1.5k'],
    [123_456, '123k'],
    [1_010_271, '1.01M'],
  ])('short number %s → %s', (value, text) => {
    expect(shortNumber(value)).toBe(text);
  });
});
