/** Athena and Trino keep the contract of engines, on tables that Keystone wrote. */
import { describe } from 'vitest';
import { sqlEngineContract } from '../core/engine/sql-engine.contract.js';
import { hasQueryServices, openQueryLake, queryServices } from './query-services.js';

describe.skipIf(!hasQueryServices)('on real services', () => {
  const services = queryServices();
  for (const name of ['trino', 'athena'] as const) {
    sqlEngineContract(name, async () => {
      const lake = await openQueryLake(services(), name);
      return { ...lake, engine: await lake.lakehouse.engine(name) };
    });
  }
});
