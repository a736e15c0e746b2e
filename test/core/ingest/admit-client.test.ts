import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { admitFromConfig, producerOfSubject, type AdmitOptions } from '../../../src/core/ingest/admit-client.js';
import { tempDir } from '../../support/temp-dir.js';

const admit = (options: Partial<AdmitOptions>) =>
  admitFromConfig({ tokens: {}, clientCertificate: 'none', env: {}, projectDir: '/nowhere', ...options });
const caller = { certificateSubject: null, authorization: null, remoteAddress: '10.0.0.9' };

describe('admission', () => {
  it('asks for nothing where nothing is configured, and names the client by its address', async () => {
    const open = await admit({});
    expect(open(caller)).toEqual({ kind: 'admitted', client: { name: '10.0.0.9', producer: null } });
    expect(open({ ...caller, remoteAddress: '::ffff:10.0.0.9' })).toMatchObject({ client: { name: '10.0.0.9' } });
    expect(open({ ...caller, authorization: 'Bearer whatever' })).toMatchObject({ kind: 'admitted' });
  });

  it('takes the right token alone, from the environment or a file, and never says what would have been right', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'token'), 'a-token-from-file\n');
    const guarded = await admit({
      tokens: { shop: 'env:SHOP', till: 'file:token' },
      env: { SHOP: 'a-token-from-env' },
      projectDir: dir,
    });
    const shown = (authorization: string | null) => guarded({ ...caller, authorization });
    expect(shown('Bearer a-token-from-env')).toEqual({ kind: 'admitted', client: { name: 'shop', producer: 'shop' } });
    expect(shown('bearer  a-token-from-file')).toMatchObject({ client: { producer: 'till' } });
    const refusals = [
      null,
      '',
      'Bearer',
      'Bearer a-token-from-en',
      'Bearer a-token-from-env2',
      'Basic a-token-from-env',
      'a-token-from-env',
    ].map(shown);
    expect(refusals.map(({ kind }) => kind)).toEqual(refusals.map(() => 'refused'));
    expect(shown('Basic a-token-from-env')).toMatchObject({ reason: expect.stringMatching(/no bearer token/) as string });
    expect(JSON.stringify(refusals)).not.toMatch(/from-|env:|shop|till/);
  });

  it('takes a verified certificate where tokens are missing, but not beside a wrong token', async () => {
    const guarded = await admit({
      tokens: { shop: 'env:SHOP' },
      clientCertificate: 'optional',
      env: { SHOP: 's3cret-of-the-shop' },
    });
    const certificateSubject = 'O=Olist\nCN=press-7';
    expect(guarded({ ...caller, certificateSubject })).toMatchObject({ client: { producer: 'press-7' } });
    expect(guarded({ ...caller, certificateSubject, authorization: 'Bearer s3cret-of-the-shop' })).toMatchObject({
      client: { producer: 'shop' },
    });
    expect(guarded({ ...caller, certificateSubject, authorization: 'Bearer nope' })).toMatchObject({ kind: 'refused' });
    expect(guarded(caller)).toMatchObject({ kind: 'refused', reason: expect.stringContaining('certificate') as string });
  });

  it('names a producer without common name by its whole subject', () => {
    expect(producerOfSubject('C=BR\nO=Olist')).toBe('C=BR, O=Olist');
    expect(producerOfSubject('O=CN=x\nCN=real')).toBe('real');
  });

  it('refuses tokens that are too short or hold blanks, without showing them', async () => {
    for (const token of ['x', 'fifteen-letters', 'a token of more than sixteen letters']) {
      const error: unknown = await admit({ tokens: { shop: 'env:SHOP' }, env: { SHOP: token } }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({
        code: 'KS_CONFIG',
        message: expect.stringMatching(/of shop \(env:SHOP\) has to have 16/) as string,
      });
      if (token !== 'x') expect(String(error)).not.toContain(token);
    }
  });

  it('refuses a configuration whose tokens are missing or shared', async () => {
    await expect(admit({ tokens: { shop: 'env:SHOP' } })).rejects.toMatchObject({ code: 'KS_CONFIG' });
    const env = { A: 'the-same-token-for-both', B: 'the-same-token-for-both' };
    const error: unknown = await admit({ tokens: { one: 'env:A', two: 'env:B' }, env }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'KS_CONFIG', message: 'the producers one and two have the same token' });
  });
});
