/** What a query reads, query by query: which tables and queries each FROM names, what each demands, and what passes through it. */

/** Something that a FROM names. */
export interface Relation {
  /** Under which its columns are qualified: the alias, else its own name; empty where it has neither. */
  readonly alias: string;
  /** Index in `queries` of the one whose FROM it stands in. */
  readonly query: number;
  /** Its columns have new names here: `AS o (a, b)`. */
  readonly renamesColumns: boolean;
}

/** A table of the lake. */
export interface TableReference extends Relation {
  /** In lower case, e.g. `['silver', 'orders']`. */
  readonly parts: readonly string[];
  /** Where the name stands in the statement, with the TABLE before it where the name is a query of its own: [start, end). */
  readonly start: number;
  readonly end: number;
  /** `TABLE silver.orders`, which takes no version. */
  readonly isQuery: boolean;
  /** The writer chose a version: `FOR VERSION AS OF …`. */
  readonly hasOwnVersion: boolean;
}

/** The rows of another query: a subquery in FROM, or one use of a common table. */
export interface DerivedTable extends Relation {
  /** Index in `queries` of the one whose rows they are. */
  readonly rowsOf: number;
}

/** A part of a SELECT: tokens [from, to). A condition is one that every row of the result fulfils: WHERE, and ON of inner joins. */
export interface QueryPart {
  readonly kind: 'select' | 'condition';
  readonly from: number;
  readonly to: number;
  /** Index of the query it belongs to. */
  readonly query: number;
}

/** One SELECT, VALUES or TABLE; each side of a UNION is one of its own. */
export interface QueryTraits {
  /** Index of the one that it is a part of; null: the statement itself, or a common table, which engines read anew for each use. */
  readonly within: number | null;
  /** A condition on the rows that it gives may be applied to the rows that it reads: there is no LIMIT, window or set operation between. */
  readonly passesConditions: boolean;
  /** A name in its conditions may be no column of what stands in its FROM: MATCH_RECOGNIZE, joined tables under new column names. */
  readonly hidesColumns: boolean;
  /** Columns that USING made of both sides of a join, in lower case: they are columns of neither. */
  readonly merged: ReadonlySet<string>;
}

export interface QueryOutline {
  readonly queries: readonly QueryTraits[];
  readonly tables: readonly TableReference[];
  readonly derived: readonly DerivedTable[];
  readonly parts: readonly QueryPart[];
}
