/**
 * Repeatable randomness: the same seed gives the same demo events on every machine. Mulberry32 (Tommy Ettinger's public-domain
 * 32-bit generator): fast, and random enough for sample data; never for secrets.
 */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [min, max], both included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  /** Picks by weight; the weights need not sum to one. */
  pickWeighted<T extends { readonly weight: number }>(from: readonly [T, ...T[]]): T;
  /** Normally distributed (Box-Muller). */
  normal(mean: number, deviation: number): number;
  /** 32 hex digits, the shape of every id of the shop. */
  hex32(): string;
}

export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const word = (): string => ((next() * 4294967296) >>> 0).toString(16).padStart(8, '0');
  return {
    next,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)] ?? from[0],
    pickWeighted: (from) => {
      let left = next() * from.reduce((sum, item) => sum + item.weight, 0);
      for (const item of from) {
        left -= item.weight;
        if (left < 0) return item;
      }
      return from[0];
    },
    normal: (mean, deviation) => mean + deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    hex32: () => word() + word() + word() + word(),
  };
}
