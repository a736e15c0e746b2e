/** A row check compiled for an engine. */
export interface RowRule {
  readonly name: string;
  readonly level: 'error' | 'warning';
  /**
   * SQL boolean over the typed columns (quoted identifiers, no table prefix): TRUE when the row fails; never NULL.
   * A comparison with a null operand does not fail.
   */
  readonly failsSql: string;
}
