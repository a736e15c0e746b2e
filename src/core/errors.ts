/**
 * The one error type of Keystone and the one table of its codes.
 *
 * An error names the thing, says the cause, and gives the next command to run. Expected outcomes (a failed check, a lost
 * commit race) are values, not errors. `docs/errors.md` and the exit codes are checked against this table by a test.
 */

/** Exit codes of the command line (house style; 0 ok, 1 unexpected, 130 SIGINT are not in the table). */
export const EXIT = { unexpected: 1, usage: 2, dataFailed: 3, configuration: 4, unreachable: 5, interrupted: 6 } as const;

/** Every code: the exit code a command ends with, and what it means to the person who reads it. */
export const ERROR_CODES = {
  KS_INTERNAL: { exitCode: EXIT.unexpected, meaning: 'A defect in Keystone: please report it with the output of --verbose.' },
  KS_USAGE: { exitCode: EXIT.usage, meaning: 'The command was called with words or flags that do not fit together.' },
  KS_NOT_FOUND: { exitCode: EXIT.usage, meaning: 'The named dataset, table, file, event or model does not exist.' },
  KS_SQL: { exitCode: EXIT.usage, meaning: 'The SQL statement was refused by the engine.' },
  KS_CHECK_FAILED: { exitCode: EXIT.dataFailed, meaning: 'Data failed an error-level check, or the account does not close.' },
  KS_CONFIG: { exitCode: EXIT.configuration, meaning: 'keystone.yaml, a profile or an override is invalid.' },
  KS_CONTRACT: { exitCode: EXIT.configuration, meaning: 'A contract file is invalid or cannot be compiled.' },
  KS_CONTRACT_CHANGED: {
    exitCode: EXIT.configuration,
    meaning: 'A contract changed while a commit was half done; the old version is needed to finish it.',
  },
  KS_MODEL: { exitCode: EXIT.configuration, meaning: 'A gold model is invalid or uses what the engines do not share.' },
  KS_NO_PROJECT: { exitCode: EXIT.configuration, meaning: 'No keystone.yaml was found here or in a parent folder.' },
  KS_STORE: { exitCode: EXIT.unreachable, meaning: 'The object store (or the local folder) refused or failed an operation.' },
  KS_CATALOG: { exitCode: EXIT.unreachable, meaning: 'The catalog of tables refused or failed an operation.' },
  KS_METRICS: { exitCode: EXIT.unreachable, meaning: 'The metrics service refused or failed an operation.' },
  KS_LOG: { exitCode: EXIT.unreachable, meaning: 'The event log refused or failed an operation.' },
  KS_STATE: { exitCode: EXIT.unreachable, meaning: 'The state store refused or failed an operation.' },
  KS_ENGINE: { exitCode: EXIT.unreachable, meaning: 'The SQL engine failed.' },
  KS_SERVER_UNREACHABLE: { exitCode: EXIT.unreachable, meaning: 'The ingest server did not answer.' },
  KS_CREDENTIALS: {
    exitCode: EXIT.configuration,
    meaning: 'A server or store asks who comes, and did not accept the token, certificate or keys that were shown, or none were.',
  },
  KS_LIMIT: {
    exitCode: EXIT.unreachable,
    meaning: 'A server took no more for now because a limit was reached; the same may come again later.',
  },
  KS_COST_LIMIT: {
    exitCode: EXIT.usage,
    meaning: 'A statement would read more bytes than is allowed, or a whole partitioned table; nothing was run.',
  },
  KS_DEGRADED: {
    exitCode: EXIT.unreachable,
    meaning: 'The level of degradation in force does not allow this work; keystone degrade status says why.',
  },
  KS_CIRCUIT_OPEN: {
    exitCode: EXIT.unreachable,
    meaning: 'A service failed often of late: its breaker refuses calls at once until a probe succeeds.',
  },
  KS_PORT_IN_USE: { exitCode: EXIT.unreachable, meaning: 'The address to listen on is taken.' },
  KS_LEASE_LOST: { exitCode: EXIT.interrupted, meaning: 'Another process took over the lease; this one commits nothing more.' },
  KS_LEASE_HELD: {
    exitCode: EXIT.interrupted,
    meaning: 'Another process holds the lease that this work needs alone; nothing was changed.',
  },
  KS_COMMIT_CONFLICT: { exitCode: EXIT.interrupted, meaning: 'Another writer changed the table first; nothing was committed.' },
  KS_TABLE_CORRUPT: { exitCode: EXIT.dataFailed, meaning: 'Table metadata or a data file is missing, truncated or foreign.' },
  KS_TABLE_UNSUPPORTED: {
    exitCode: EXIT.dataFailed,
    meaning: 'The table uses a feature that Keystone does not write (row-level deletes, v3).',
  },
  KS_LOG_RECREATED: {
    exitCode: EXIT.dataFailed,
    meaning:
      'A topic is not the one the lake was built from (another identity, a lower end, or none): it was deleted or recreated.',
  },
  KS_LOG_TRUNCATED: {
    exitCode: EXIT.dataFailed,
    meaning:
      "A topic's start lies above the lake's next offset: events expired before they were read. After a look for another copy, `consume accept-loss` goes on behind them.",
  },
  KS_INTERRUPTED: {
    exitCode: EXIT.interrupted,
    meaning: 'Stopped on request with work left; the same command goes on where it stopped.',
  },
} as const satisfies Record<string, { exitCode: number; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface KeystoneErrorOptions {
  /** What to do next: a command to run, or the line to change. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Machine-readable facts for `--json`: never secrets, never payloads. */
  readonly details?: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

/** What happened to which thing (`message`), under a stable `code`, with the next command in `hint`. */
export class KeystoneError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: KeystoneErrorOptions['details'];

  constructor(code: ErrorCode, message: string, options: KeystoneErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KeystoneError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exitCode;
  }
}

export const isKeystoneError = (error: unknown): error is KeystoneError => error instanceof KeystoneError;

/** The message of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
