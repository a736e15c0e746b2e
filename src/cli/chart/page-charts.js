// Draws the figures of the insight page with uPlot, in the page's own colours; runs in the browser, inlined by insight-page.ts.
/* global uPlot, document, window, getComputedStyle, matchMedia, ResizeObserver */
(() => {
  const figures = JSON.parse(document.getElementById('figures').textContent);
  const HEIGHT = 320;
  const LABEL_FONT = 7;
  const plots = new Map();

  const short = (value) => {
    const size = Math.abs(value);
    if (size >= 1e6) return `${+(value / 1e6).toFixed(2)}M`;
    return size >= 1e3 ? `${+(value / 1e3).toFixed(1)}k` : `${+value.toFixed(1)}`;
  };
  const full = (value, unit) => {
    if (value === null || value === undefined) return '-';
    const digits = { money: 2, count: 0 }[unit] ?? 1;
    const text = value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return { money: `R$ ${text}`, days: `${text} days`, percent: `${text} %` }[unit] ?? text;
  };

  const draw = (host, figure) => {
    plots.get(host)?.destroy();
    host.replaceChildren();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const { labels, series } = figure;
    const width = Math.max(240, host.clientWidth);
    const widest = Math.max(1, ...labels.map((label) => label.length)) * LABEL_FONT + 12;
    const crowded = widest * labels.length > width - 140;
    const step = crowded && figure.continuous ? Math.ceil((widest * labels.length) / (width - 140)) : 1;
    const turned = crowded && !figure.continuous;
    const axis = { stroke: colour('faint'), ticks: { show: false } };
    const plot = new uPlot(
      {
        width,
        height: HEIGHT + (turned ? 40 : 0),
        cursor: { drag: { x: false, y: false } },
        // The last point while none is pointed at.
        hooks: { setLegend: [(shown) => shown.legend.idx ?? shown.setLegend({ idx: labels.length - 1 }, false)] },
        scales: {
          x: { time: false, range: () => [-0.6, labels.length - 0.4] },
          ...Object.fromEntries(
            // A share has its own end; everything else gets some air above the highest bar.
            series.map(({ unit }, n) => [`y${n}`, { range: (_, low, high) => [0, unit === 'percent' ? 100 : high * 1.08 || 1] }]),
          ),
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            ...(turned ? { rotate: -40, size: Math.min(120, 24 + widest * 0.7) } : {}),
            splits: () => labels.map((_, index) => index).filter((index) => index % step === 0),
            values: (_, splits) => splits.map((index) => labels[index] ?? ''),
          },
          ...series.map(({ unit, name }, n) => ({
            ...axis,
            scale: `y${n}`,
            side: n === 0 ? 3 : 1,
            size: 64,
            label: { money: `${name} (R$)`, days: `${name} (days)`, percent: `${name} (%)` }[unit] ?? name,
            grid: { show: n === 0, stroke: colour('line'), width: 1 },
            values: (_, splits) => splits.map(short),
          })),
        ],
        series: [
          { label: '', value: (_, index) => labels[index] ?? '' },
          ...series.map(({ name, unit, kind }, n) => ({
            label: name,
            scale: `y${n}`,
            stroke: colour(n === 0 ? 'bars' : 'second'),
            width: kind === 'bars' ? 0 : 2,
            points: { show: kind === 'line', size: 6, fill: colour('panel') },
            value: (_, value) => full(value, unit),
            ...(kind === 'bars' ? { fill: colour('bars'), paths: uPlot.paths.bars({ size: [0.72, 56] }) } : {}),
          })),
        ],
      },
      [labels.map((_, index) => index), ...series.map(({ values }) => values)],
      host,
    );
    plot.setLegend({ idx: labels.length - 1 });
    plots.set(host, plot);
  };

  const all = () => {
    for (const [index, figure] of figures.entries()) draw(document.getElementById(`figure-${index}`), figure);
  };
  let lastWidth = 0;
  const onResize = () => {
    const width = document.body.clientWidth;
    if (width !== lastWidth) all();
    lastWidth = width;
  };
  onResize();
  new ResizeObserver(onResize).observe(document.body);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', all);
  const print = (theme) => () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    all();
  };
  window.addEventListener('beforeprint', print('light'));
  window.addEventListener('afterprint', print(''));
})();
