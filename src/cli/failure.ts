/** Anything thrown, as the command line reports it: code, message, hint, exit code. */
import { EXIT, isKeystoneError, messageOf, type ErrorCode, type KeystoneErrorOptions } from '../core/errors.js';
import { redactValue } from '../core/logging/redaction.js';
import { nearestName } from '../core/nearest-name.js';
import { usageMessage } from './usage-message.js';

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly causes: readonly string[];
  readonly details?: KeystoneErrorOptions['details'];
  readonly exitCode: number;
  readonly stack?: string | undefined;
}

/** oclif's parse errors carry what was given, those of a flag's own parser only `oclif`; those of unknown flags carry `flags`. */
interface ParseFailure extends Error {
  readonly flags?: readonly string[];
  readonly args?: Parameters<typeof usageMessage>[0]['args'];
}
const isParseFailure = (error: unknown): error is ParseFailure =>
  error instanceof Error && ('parse' in error || 'oclif' in error);

/** Without any secret that was read. `knownFlags` are long names without dashes, for the did-you-mean. */
export function failureOf(error: unknown, knownFlags: readonly string[], command: string): Failure {
  return redactValue(failureAsThrown(error, knownFlags, command)) as Failure;
}

function failureAsThrown(error: unknown, knownFlags: readonly string[], command: string): Failure {
  if (isKeystoneError(error)) {
    return {
      code: error.code,
      message: error.message,
      hint: error.hint,
      causes: causesOf(error),
      details: error.details,
      exitCode: error.exitCode,
      stack: error.stack,
    };
  }
  if (isParseFailure(error)) {
    const nearest = (error.flags ?? []).flatMap((flag) => nearestName(flag.replace(/^-+/, ''), knownFlags) ?? []);
    const help = `${command} --help`;
    return {
      code: 'KS_USAGE',
      message: usageMessage(error),
      hint: nearest.length === 0 ? help : `did you mean ${nearest.map((name) => `--${name}`).join(', ')}? ${help}`,
      causes: [],
      exitCode: EXIT.usage,
      stack: error.stack,
    };
  }
  return {
    code: 'KS_INTERNAL',
    message: messageOf(error),
    hint: 'run it again with --verbose and report the output',
    causes: causesOf(error),
    exitCode: EXIT.unexpected,
    stack: error instanceof Error ? error.stack : undefined,
  };
}

/** Messages of the causes, outermost first, without those that the message before already tells. */
function causesOf(error: unknown): readonly string[] {
  const causes: string[] = [];
  let told = messageOf(error);
  for (let cause = error instanceof Error ? error.cause : undefined; cause !== undefined && causes.length < 5;) {
    const message = messageOf(cause);
    if (!told.includes(message)) causes.push(message);
    told = message;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

/** The lines for people. */
export function renderFailure(failure: Failure, look: { readonly colour: boolean; readonly verbose: boolean }): string {
  const label = (text: string): string => (look.colour ? `\u001B[1;31m${text}\u001B[0m` : text);
  const lines = [`${label(`Error ${failure.code}:`)} ${failure.message}`];
  for (const cause of failure.causes) lines.push(`  Cause: ${cause}`);
  if (failure.hint !== undefined) lines.push(`  Try: ${failure.hint}`);
  if (look.verbose && failure.stack !== undefined) lines.push(failure.stack);
  return `${lines.join('\n')}\n`;
}

/** The `error` of the `--json` envelope. */
export function failureJson({ code, message, hint, causes, details }: Failure): object {
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(causes.length > 0 ? { causes } : {}),
    ...(details ? { details } : {}),
  };
}
