import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadContracts } from '../../../src/core/contract/load-contracts.js';
import { planChecks } from '../../../src/core/quality/planned-check.js';

const orders = async () => {
  const contract = (await loadContracts(path.resolve('templates/contracts'))).get('orders');
  if (contract === undefined) throw new Error('no contract');
  return contract;
};

describe('planChecks', () => {
  it('has a check for every reason that can send a typed row to quarantine', async () => {
    const contract = await orders();
    const reasons = planChecks(contract).flatMap((check) => check.reasons);
    const possible = [
      'not_object',
      'duplicate_json_key',
      'event_id_conflict',
      'missing:order_id',
      'missing:customer_id',
      'missing:order_purchase_timestamp',
      ...contract.columns.map((column) => `bad_type:${column.name}`),
      'rule:delivery_not_before_purchase',
    ];
    expect(reasons).toEqual(expect.arrayContaining(possible));
    expect(new Set(reasons).size).toBe(reasons.length);
  });

  it('checks the key even where the contract does not', async () => {
    const contract = await orders();
    const uniqueNames = (checks: typeof contract.checks): readonly string[] =>
      planChecks({ ...contract, checks }).flatMap((check) => (check.kind === 'unique' ? [check.name] : []));
    expect(uniqueNames(contract.checks)).toEqual(['order_id_unique']);
    expect(uniqueNames([])).toEqual(['key']);
    expect(planChecks({ ...contract, key: [], checks: [] }).some((check) => check.kind === 'unique')).toBe(false);
  });
});
