import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { redact, resolveSecret } from '../../../src/core/config/secrets.js';
import { tempDir } from '../../support/temp-dir.js';

describe('resolveSecret', () => {
  it('reads the environment or a file of the project, and shows itself to nobody', async () => {
    const projectDir = await tempDir();
    await writeFile(path.join(projectDir, 'pw'), 'hunter2\n');
    const from = { env: { DB_PASSWORD: 'swordfish' }, projectDir };
    const [fromEnv, fromFile] = [await resolveSecret('env:DB_PASSWORD', from), await resolveSecret('file:pw', from)];
    expect([fromEnv.reveal(), fromFile.reveal()]).toEqual(['swordfish', 'hunter2']);
    const leaks = `${JSON.stringify({ fromEnv, fromFile })} ${inspect(fromEnv, { depth: 5, showHidden: true })} ${String(fromFile)}`;
    expect(leaks).not.toMatch(/swordfish|hunter2/);
    expect(redact('postgres://me:swordfish@host', [fromEnv])).toBe('postgres://me:[secret env:DB_PASSWORD]@host');
  });

  it('says which secret is absent or empty, and never repeats what may be the secret itself', async () => {
    const from = { env: { EMPTY: '' }, projectDir: await tempDir() };
    await expect(resolveSecret('env:EMPTY', from)).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringContaining('env:EMPTY'),
    });
    await expect(resolveSecret('file:absent', from)).rejects.toMatchObject({ code: 'KS_CONFIG' });
    const error = await resolveSecret('swordfish', from).catch((thrown: unknown) => thrown);
    expect(inspect(error)).not.toContain('message: swordfish');
    expect(String(error)).not.toContain('swordfish');
  });
});
