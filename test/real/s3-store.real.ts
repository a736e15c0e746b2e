import { describe } from 'vitest';
import { objectStoreContract } from '../core/store/object-store.contract.js';
import { freshBucket, hasS3, openStore, s3Server } from './s3-server.js';

describe.skipIf(!hasS3)('S3', () => {
  const server = s3Server();
  objectStoreContract(
    'S3 below a prefix',
    async () => {
      const s3 = await freshBucket(server());
      return () => openStore(s3);
    },
    1000,
  );
  objectStoreContract('a whole bucket of S3', async () => {
    const s3 = await freshBucket(server(), { prefix: '' });
    return () => openStore(s3);
  });
});
