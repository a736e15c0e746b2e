import { describe, expect, it } from 'vitest';
import { environmentOverrides, unknownVariables } from '../../../src/core/config/overrides.js';

const brokers = (env: Readonly<Record<string, string>>): unknown =>
  environmentOverrides(env)
    .filter(({ setting }) => setting.path === 'log.kafka.brokers')
    .map(({ value, origin }) => [value, origin]);

describe('short variables', () => {
  it('KEYSTONE_BROKERS names the brokers, and the full name wins', () => {
    expect(brokers({ KEYSTONE_BROKERS: 'a:1,b:2' })).toEqual([['a:1,b:2', 'KEYSTONE_BROKERS']]);
    expect(brokers({ KEYSTONE_BROKERS: 'a:1', KEYSTONE_LOG_KAFKA_BROKERS: 'c:3' })).toEqual([
      ['c:3', 'KEYSTONE_LOG_KAFKA_BROKERS'],
    ]);
    expect(brokers({ KEYSTONE_BROKERS: '' })).toEqual([]);
  });

  it('are known where a setting refers to them', () => {
    const config = {
      profile: { state: { postgres: { url: 'env:KEYSTONE_STATE_URL' } } },
      ingest: { tokens: { a: 'env:KEYSTONE_A' } },
    };
    const env = { KEYSTONE_STATE_URL: 'x', KEYSTONE_A: 'x', KEYSTONE_B: 'x' };
    expect(unknownVariables(env, config)).toEqual(['KEYSTONE_B']);
    expect(unknownVariables(env)).toHaveLength(3);
  });

  it('are no unknown ones', () => {
    expect(unknownVariables({ KEYSTONE_BROKERS: 'a:1', KEYSTONE_BROKER: 'b:1' })).toEqual(['KEYSTONE_BROKER']);
  });
});
