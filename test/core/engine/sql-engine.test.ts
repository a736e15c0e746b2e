import { silverLake } from '../../support/silver-lake.js';
import { sqlEngineContract } from './sql-engine.contract.js';

sqlEngineContract('DuckDB', async () => {
  const cleanUps: (() => Promise<void>)[] = [];
  const lakehouse = await silverLake({}, (cleanUp) => cleanUps.push(cleanUp));
  return {
    lakehouse,
    engine: await lakehouse.engine(),
    close: async () => {
      for (const cleanUp of cleanUps) await cleanUp();
    },
  };
});
