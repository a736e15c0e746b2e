/** Errors of the HTTP door as RFC 9457 has them (`application/problem+json`). */
import type { ErrorCode } from '../../errors.js';
import type { Problem } from './http-shapes.js';

export const PROBLEM_JSON = 'application/problem+json';

interface ProblemKindText {
  readonly status: number;
  readonly title: string;
  readonly code: ErrorCode;
}

const PROBLEMS = {
  malformed: { status: 400, title: 'The request cannot be read', code: 'KS_USAGE' },
  unauthenticated: { status: 401, title: 'Who sends is not known', code: 'KS_CREDENTIALS' },
  'not-found': { status: 404, title: 'There is nothing here', code: 'KS_NOT_FOUND' },
  method: { status: 405, title: 'This method is not served here', code: 'KS_USAGE' },
  timeout: { status: 408, title: 'The request did not arrive in time', code: 'KS_USAGE' },
  'too-large': { status: 413, title: 'The request is too large', code: 'KS_USAGE' },
  'media-type': { status: 415, title: 'This kind of content is not taken', code: 'KS_USAGE' },
  expectation: { status: 417, title: 'The expectation cannot be met', code: 'KS_USAGE' },
  unprocessable: { status: 422, title: 'The events cannot be taken as they are', code: 'KS_USAGE' },
  'too-many': { status: 429, title: 'More than may come at once', code: 'KS_LIMIT' },
  'header-too-large': { status: 431, title: 'The header is too large', code: 'KS_USAGE' },
  internal: { status: 500, title: 'A defect in Keystone', code: 'KS_INTERNAL' },
  unavailable: { status: 503, title: 'Events cannot be kept now', code: 'KS_LOG' },
} as const satisfies Record<string, ProblemKindText>;

export type ProblemKind = keyof typeof PROBLEMS;

/** @param instance URN of this occurrence. */
export const problemOf = (
  kind: ProblemKind,
  detail: string,
  instance: string,
  more: Pick<Problem, 'offset' | 'errors'> = {},
): Problem => ({ type: `urn:keystone:problem:${kind}`, ...PROBLEMS[kind], detail, instance, ...more });

/** A whole HTTP/1.1 response, for a connection on which no request could be read; it is closed behind it. */
export function rawProblem(problem: Problem, reason: string): string {
  const body = JSON.stringify(problem);
  return `HTTP/1.1 ${problem.status} ${reason}\r\nContent-Type: ${PROBLEM_JSON}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}
