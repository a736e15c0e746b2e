/** A fresh folder for each test, removed at its end. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

export async function tempDir(): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  onTestFinished(async () => rm(dir, { recursive: true, force: true }));
  return dir;
}
