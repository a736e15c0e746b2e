/** Numbers of charts and tables with their unit, long for tables and short for axes. */

export type Unit = 'text' | 'count' | 'money' | 'days' | 'percent';

/** `R$ 1,234.50`, `1,234`, `12.0 days`, `94.1 %`; texts as they are, nothing as the empty text. */
export function unitText(value: unknown, unit: Unit): string {
  if (value === null || value === undefined) return '';
  if (unit === 'text') return typeof value === 'string' ? value : JSON.stringify(value);
  const number = Number(value);
  // What rounds to nothing has no sign.
  const fixed = (digits: number): string =>
    (Number(number.toFixed(digits)) === 0 ? 0 : number).toLocaleString('en-US', {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  switch (unit) {
    case 'money':
      return `R$ ${fixed(2)}`;
    case 'days':
      return `${fixed(1)} days`;
    case 'percent':
      return `${fixed(1)} %`;
    case 'count':
      return number.toLocaleString('en-US');
  }
}

/** `950`, `12.5k`, `1.01M`: at most five characters below a billion. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 999_500) return `${(value / 1e6).toFixed(2)}M`;
  if (size >= 99_950) return `${Math.round(value / 1e3)}k`;
  if (size >= 1000) return `${(value / 1e3).toFixed(1)}k`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
