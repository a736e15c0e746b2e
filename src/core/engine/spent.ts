/** What the statements of a service cost this process. */
import type { StatementEngine } from './statement-engine.js';

export interface Spent {
  readonly bytesScanned: number;
  readonly billedBytes: number;
  /** US dollars. */
  readonly dollars: number;
}

const NOTHING: Spent = { bytesScanned: 0, billedBytes: 0, dollars: 0 };

/** Without the digits that come of adding binary fractions: no price has more than ten decimals. */
export const roundedDollars = (dollars: number): number => Math.round(dollars * 1e10) / 1e10;

/** Gives a function that says what was spent on the engine's statements since; nothing for an engine in this process. */
export async function spentSince(
  { statements }: { readonly statements: (name: StatementEngine['name']) => Promise<StatementEngine> },
  engine: 'duckdb' | StatementEngine['name'],
): Promise<() => Spent> {
  if (engine === 'duckdb') return () => NOTHING;
  const { spent = () => NOTHING } = await statements(engine);
  const before = spent();
  return () => {
    const { bytesScanned, billedBytes, dollars } = spent();
    return {
      bytesScanned: bytesScanned - before.bytesScanned,
      billedBytes: billedBytes - before.billedBytes,
      dollars: roundedDollars(dollars - before.dollars),
    };
  };
}
