import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { lintContracts } from '../../../src/core/contract/lint-contracts.js';
import { loadContracts } from '../../../src/core/contract/load-contracts.js';
import { tempDir } from '../../support/temp-dir.js';

const contract = (dataset: string, type = 'string'): string => `apiVersion: v3.1.0
kind: DataContract
id: ${dataset}
version: 1.0.0
status: active
schema:
  - name: ${dataset}
    properties:
      - { name: id, logicalType: ${type}, primaryKey: true }
`;

const folder = async (files: Readonly<Record<string, string | Uint8Array>>): Promise<string> => {
  const dir = path.join(await tempDir(), 'contracts');
  await mkdir(dir);
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(dir, name), content);
  return dir;
};

describe('loadContracts', () => {
  it('reads every .odcs.yaml file and nothing else', async () => {
    const dir = await folder({
      'b.odcs.yaml': contract('b'),
      'a.odcs.yaml': contract('a'),
      'notes.yaml': 'x: [',
      'a.odcs.yaml.bak': '',
    });
    expect([...(await loadContracts(dir)).keys()]).toEqual(['a', 'b']);
  });

  it('refuses two files for one dataset, whatever the case, naming both', async () => {
    const dir = await folder({ 'a.odcs.yaml': contract('sale'), 'b.odcs.yaml': contract('Sale') });
    await expect(loadContracts(dir)).rejects.toMatchObject({
      code: 'KS_CONTRACT',
      message: expect.stringMatching(/b\.odcs\.yaml:1:1: the dataset Sale has a contract already, in a\.odcs\.yaml/) as string,
    });
  });

  it('names file, line and column of the first error, and lists all', async () => {
    const dir = await folder({ 'a.odcs.yaml': contract('a', 'time'), 'b.odcs.yaml': contract('b', 'array') });
    await expect(loadContracts(dir)).rejects.toMatchObject({
      message: expect.stringMatching(/a\.odcs\.yaml:9:9: column id: .* \(and 1 more\)$/) as string,
      hint: 'keystone contract lint',
      details: { problems: [expect.stringContaining('a.odcs.yaml:9:9'), expect.stringContaining('b.odcs.yaml:9:9')] },
    });
  });

  it('refuses bytes that are not UTF-8 and folders that are not there', async () => {
    const dir = await folder({ 'a.odcs.yaml': Uint8Array.of(0x61, 0xff) });
    await expect(loadContracts(dir)).rejects.toMatchObject({ message: expect.stringContaining('not UTF-8') as string });
    await expect(loadContracts(path.join(dir, 'none'))).rejects.toMatchObject({ code: 'KS_CONTRACT', hint: 'keystone init' });
  });
});

describe('lintContracts', () => {
  it('gives advice for what a usable contract leaves unsaid, errors first', async () => {
    const dir = await folder({ 'a.odcs.yaml': contract('a'), 'b.odcs.yaml': contract('b', 'time') });
    const lint = await lintContracts(dir);
    expect(lint).toMatchObject({ files: 2, errors: 1 });
    expect(lint.problems[0]).toMatchObject({ level: 'error', line: 9 });
    expect(lint.problems.filter((problem) => problem.path.endsWith('a.odcs.yaml')).map((problem) => problem.message)).toEqual([
      'nobody owns the dataset: add team.name',
      'a has no description',
      'a has no checks',
      'column id has no description',
      'the key column id is not required',
    ]);
  });
});
