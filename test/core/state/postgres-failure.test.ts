import { describe, expect, it } from 'vitest';
import { KeystoneError } from '../../../src/core/errors.js';
import { describePostgresFailure } from '../../../src/core/state/postgres-failure.js';

const WHAT = 'the state database keystone on db:5432';
const failure = (message: string, code?: string): Error => Object.assign(new Error(message), code === undefined ? {} : { code });

describe('a failure of PostgreSQL', () => {
  it.each([
    [failure('password authentication failed for user "k"', '28P01'), 'KS_CREDENTIALS', 'password'],
    [failure('no pg_hba.conf entry', '28000'), 'KS_CREDENTIALS', 'did not let this user in'],
    [failure('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), 'KS_CREDENTIALS', 'asks for a password'],
    [failure('self-signed certificate in certificate chain', 'SELF_SIGNED_CERT_IN_CHAIN'), 'KS_CREDENTIALS', 'not trusted'],
    [failure('altnames', 'ERR_TLS_CERT_ALTNAME_INVALID'), 'KS_CREDENTIALS', 'not trusted'],
    [failure('has expired', 'CERT_HAS_EXPIRED'), 'KS_CREDENTIALS', 'not trusted'],
    [failure('database "x" does not exist', '3D000'), 'KS_STATE', 'does not exist'],
    [failure('permission denied', '42501'), 'KS_STATE', 'does not allow'],
    [failure('too many clients', '53300'), 'KS_STATE', 'no connection left'],
    [failure('canceling statement', '57014'), 'KS_STATE', 'longer than its timeout'],
    [failure('read-only transaction', '25006'), 'KS_STATE', 'read only'],
    [failure('the database system is starting up', '57P03'), 'KS_STATE', 'stopping or starting'],
    [failure('getaddrinfo', 'ENOTFOUND'), 'KS_STATE', 'name service'],
    [failure('connect', 'ECONNREFUSED'), 'KS_STATE', 'does not answer'],
    [failure('Connection terminated unexpectedly'), 'KS_STATE', 'does not answer'],
    [failure('The server does not support SSL connections'), 'KS_STATE', 'no TLS'],
    [failure('something else', 'XX000'), 'KS_STATE', 'failed'],
  ])('%s is told as what it is', (error, code, words) => {
    const told = describePostgresFailure(error, WHAT);
    expect(told).toMatchObject({ code, hint: expect.stringMatching(/\S/), cause: error });
    expect(told.message).toContain(`${WHAT} `);
    expect(told.message).toContain(words);
    expect(told.message).toContain(error.message);
  });

  it('is read through what caused it, and through the addresses of a host', () => {
    const wrapped = new Error('Connection terminated due to connection timeout', { cause: failure('reset', 'ECONNRESET') });
    expect(describePostgresFailure(wrapped, WHAT).message).toContain('does not answer');
    const both = Object.assign(new AggregateError([failure('connect ::1'), failure('connect 127.0.0.1')]), {
      code: 'ECONNREFUSED',
    });
    expect(describePostgresFailure(both, WHAT).message).toContain('connect ::1; connect 127.0.0.1');
  });

  it('stays what it is when it was told before', () => {
    const told = new KeystoneError('KS_CONFIG', 'told', { hint: 'so' });
    expect(describePostgresFailure(told, WHAT)).toBe(told);
  });
});
