/** Numbers written as text, compared exactly: a DECIMAL or an integer beyond 2^53 comes from the engine as a string. */

/** 0.digits × 10^point, times the sign; zero has no digits. Digits neither begin nor end with 0. */
export interface Decimal {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly point: number;
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;

/** Undefined for what is no finite decimal number. */
export function decimalOf(value: unknown): Decimal | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'string') return undefined;
  const match = DECIMAL.exec(String(value));
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const written = whole + fraction;
  if (written === '') return undefined;
  const significant = written.replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  if (digits === '') return { sign: 0, digits, point: 0 };
  return {
    sign: sign === '-' ? -1 : 1,
    digits,
    point: whole.length - (written.length - significant.length) + Number(exponent),
  };
}

/** Below 0, 0 or above 0, as a comparator gives it. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign;
  const size = a.point - b.point || (a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0);
  return a.sign * size;
}

/** Plain decimals of one value are equal (10 and 10.00); with leading zeros or an exponent a text is a name, not an amount. */
export function sameAmount(cell: unknown, text: string): boolean {
  const plain = (each: string): boolean => /^-?(0|[1-9]\d*)(\.\d+)?$/.test(each);
  if (!plain(text) || (typeof cell === 'string' && !plain(cell))) return false;
  const [left, right] = [decimalOf(cell), decimalOf(text)];
  return left !== undefined && right !== undefined && compareDecimals(left, right) === 0;
}
