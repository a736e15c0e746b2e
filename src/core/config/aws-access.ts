/** How one service of AWS is reached. */
import { z } from 'zod';
import { secretReference } from './setting-values.js';

/** Where one AWS service is and who asks; the same four settings for each. */
export const awsAccess = {
  region: z.string().default('us-east-1').describe('Region of the service'),
  endpoint: z.string().optional().describe('Another endpoint than that of AWS'),
  accessKeyId: secretReference.optional().describe("Default: the SDK's chain of credentials"),
  secretAccessKey: secretReference.optional().describe("Default: the SDK's chain of credentials"),
};
