import { describe, expect, it } from 'vitest';
import { rememberSecret, Secret } from '../../../src/core/config/secrets.js';
import { openJsonLog } from '../../../src/core/logging/json-log.js';
import { redactText } from '../../../src/core/logging/redaction.js';
import { traceIdOf } from '../../../src/core/logging/trace-context.js';

function logged(level: 'debug' | 'info' | 'warn' | 'error' = 'info') {
  const lines: string[] = [];
  const log = openJsonLog({ level, facts: { command: 'consume run' }, nowMs: () => 0, write: (line) => void lines.push(line) });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('openJsonLog', () => {
  it('writes one object a line with time, level, event, facts and fields', () => {
    const { log, lines, parsed } = logged();
    log.warn('retry.again', { operation: 'catalog', attempt: 2, causes: ['a\nb', 'c'] });
    expect(lines[0]).toMatch(/^[^\n]*\n$/);
    expect(parsed()).toEqual([
      {
        level: 'warn',
        time: '1970-01-01T00:00:00.000Z',
        command: 'consume run',
        event: 'retry.again',
        operation: 'catalog',
        attempt: 2,
        causes: ['a\nb', 'c'],
      },
    ]);
  });

  it('leaves out what is less important than asked for, lines of their own shape excepted', () => {
    const { log, parsed } = logged('warn');
    log.debug('a');
    log.info('b');
    log.error('c');
    log.line({ _aws: {} });
    expect(parsed()).toMatchObject([{ event: 'c' }, { _aws: {} }]);
  });

  it('takes secrets out of every field, however deep, and keeps the lines whole', () => {
    rememberSecret(new Secret('env:PW', 'pa"ss\\word\n1'));
    const { log, lines, parsed } = logged();
    log.say('error', 'command.failed', { message: 'refused pa"ss\\word\n1!', details: { of: ['x pa"ss\\word\n1'] } });
    expect(parsed()[0]).toMatchObject({ message: 'refused [secret env:PW]!', details: { of: ['x [secret env:PW]'] } });
    expect(lines[0]).not.toContain('ss\\\\word');
  });
});

describe('redactText', () => {
  it('takes out passwords of addresses and credentials of requests that were never read as secrets', () => {
    expect(redactText('at postgres://me:hidden@host:5432/db?x=1 and https://host/a@b')).toBe(
      'at postgres://me:***@host:5432/db?x=1 and https://host/a@b',
    );
    expect(redactText('authorization: Bearer abcdef.ghijkl-mn')).toBe('authorization: Bearer ***');
  });

  it('knows the password of an address that was read, by itself and decoded', () => {
    rememberSecret(new Secret('env:URL', 'postgres://me:hid%21den@host/db'));
    expect(redactText('password hid!den or hid%21den of postgres://me:hid%21den@host/db')).toBe(
      'password [secret env:URL] or [secret env:URL] of [secret env:URL]',
    );
  });
});

describe('traceIdOf', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  it.each([
    [`00-${id}-00f067aa0ba902b7-01`, id],
    [` 00-${id}-00f067aa0ba902b7-00 `, id],
    [`cc-${id}-00f067aa0ba902b7-01-what-comes-later`, id],
    [`00-${id}-00f067aa0ba902b7-01-more`, null],
    [`ff-${id}-00f067aa0ba902b7-01`, null],
    [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, null],
    [`00-${id}-${'0'.repeat(16)}-01`, null],
    [`00-${id.toUpperCase()}-00f067aa0ba902b7-01`, null],
    ['nonsense', null],
    [undefined, null],
  ])('%s → %s', (given, expected) => expect(traceIdOf(given)).toBe(expected));
});
