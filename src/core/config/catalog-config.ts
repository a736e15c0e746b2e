/** `catalog.*` of a profile: which metadata file of a table is current. */
import { z } from 'zod';
import { awsAccess } from './aws-access.js';

const glueConfig = z.strictObject({
  ...awsAccess,
  catalogId: z.string().optional().describe("Id of the Glue catalog; default: the account's own"),
  databasePrefix: z
    .string()
    .regex(/^[a-z0-9_]*$/, 'a database is named by small letters, digits and _')
    .default('')
    .describe('Put before the databases `bronze`, `silver`, `gold`, …; lakes that share a catalog need one each'),
});

/** The lake's own folder, or the Glue catalog. */
export const catalogConfig = z.strictObject({
  adapter: z
    .enum(['folder', 'glue'])
    .default('folder')
    .describe(
      'Which metadata file of a table is current: `folder` decides by the highest `v<N>.metadata.json`, `glue` by the table in the Glue catalog',
    ),
  glue: glueConfig.prefault({}),
});
