import { openFolderStore } from '../../../src/core/store/folder-store.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import { tempDir } from '../../support/temp-dir.js';
import { catalogContract } from './catalog.contract.js';

catalogContract('folder', async () => {
  const dir = await tempDir();
  return async () => openFolderCatalog(await openFolderStore(dir));
});
