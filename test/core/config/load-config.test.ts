import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, type ConfigRequest } from '../../../src/core/config/load-config.js';
import { allSettings } from '../../../src/core/config/settings.js';
import { showConfig } from '../../../src/core/config/show-config.js';
import { loadConfigWithOrigins } from '../../../src/core/config/load-config.js';
import { tempDir } from '../../support/temp-dir.js';

/** A project with that keystone.yaml. */
async function project(yaml: string): Promise<{ readonly dir: string; readonly request: ConfigRequest }> {
  const dir = await tempDir();
  await writeFile(path.join(dir, 'keystone.yaml'), yaml);
  return { dir, request: { cwd: dir, env: {} } };
}

describe('loadConfig', () => {
  it('takes every default from an empty file', async () => {
    const { dir, request } = await project('');
    const config = await loadConfig(request);
    expect(config).toMatchObject({ profileName: 'local', projectDir: dir, contracts: path.join(dir, 'contracts') });
    expect(config.ingest).toMatchObject({ port: 50051, host: '127.0.0.1', maxMessage: 4 * 1024 ** 2 });
    expect(config.profile.log).toMatchObject({ path: path.join(dir, '.keystone/log.db'), partitions: 6 });
    expect(config.profile.engine.memory).toBe(400_000_000);
  });

  it('finds the project from a folder inside it, and keeps its paths relative to the project', async () => {
    const { dir, request } = await project('profiles: {local: {store: {path: ../elsewhere}}}');
    const inside = path.join(dir, 'a', 'b');
    await mkdir(inside, { recursive: true });
    const config = await loadConfig({ ...request, cwd: inside });
    expect(config.projectDir).toBe(dir);
    expect(config.profile.store.path).toBe(path.join(path.dirname(dir), 'elsewhere'));
  });

  it('says which folder has no project, and how to make one', async () => {
    const dir = await tempDir();
    await expect(loadConfig({ cwd: dir, env: {} })).rejects.toMatchObject({
      code: 'KS_NO_PROJECT',
      message: expect.stringContaining(dir),
      hint: expect.stringContaining('keystone init'),
    });
    await expect(loadConfig({ cwd: dir, env: {}, configPath: 'other.yaml' })).rejects.toMatchObject({ code: 'KS_NO_PROJECT' });
  });

  it('prefers the flag to the environment, that to the file, that to the default', async () => {
    const { request } = await project('ingest: {port: 1000, host: 10.0.0.1}');
    expect((await loadConfig(request)).ingest.port).toBe(1000);
    const env = { KEYSTONE_INGEST_PORT: '2000', KEYSTONE_CONSUME_FLUSH_INTERVAL: '2s' };
    expect((await loadConfig({ ...request, env })).ingest).toMatchObject({ port: 2000, host: '10.0.0.1' });
    expect((await loadConfig({ ...request, env })).consume.flushInterval).toBe(2000);
    expect((await loadConfig({ ...request, env, set: ['ingest.port=3000', 'ingest.port=4000'] })).ingest.port).toBe(4000);
  });

  it('chooses the profile by flag, environment, file, and overrides the one in use', async () => {
    const { dir, request } = await project(
      'defaultProfile: a\nprofiles:\n  a: {log: {topic: from-a}}\n  b: {log: {topic: from-b}}\n  c: {}\n',
    );
    expect((await loadConfig(request)).profile.log.topic).toBe('from-a');
    expect((await loadConfig({ ...request, env: { KEYSTONE_PROFILE: 'b' } })).profile.log.topic).toBe('from-b');
    const chosen = await loadConfig({ ...request, env: { KEYSTONE_PROFILE: 'b', KEYSTONE_LOG_PATH: 'x.db' }, profile: 'c' });
    expect(chosen).toMatchObject({
      profileName: 'c',
      profile: { log: { topic: 'olist-enterprise-events', path: path.join(dir, 'x.db') } },
    });
    await expect(loadConfig({ ...request, profile: 'bb' })).rejects.toMatchObject({
      code: 'KS_CONFIG',
      hint: 'did you mean --profile b?',
    });
    await expect(loadConfig({ ...request, profile: 'constructor' })).rejects.toMatchObject({ code: 'KS_CONFIG' });
  });

  it('names line and column of every wrong setting, and the nearest known one', async () => {
    const { dir, request } = await project(
      'version: 1\ningest:\n  prot: 1\n  port: lots\nconsume:\n  maxMemory: 5 apples\nprofiles:\n  local:\n    log: {pathh: x}\n',
    );
    const file = path.join(dir, 'keystone.yaml');
    const error = await loadConfig(request).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'KS_CONFIG' });
    const problems = (error as { details: { problems: string[] } }).details.problems;
    expect(problems).toContain(`${file}:3:3: unknown setting "ingest.prot"; did you mean "port"?`);
    expect(problems).toContain(`${file}:9:11: unknown setting "profiles.local.log.pathh"; did you mean "path"?`);
    expect(problems.find((problem) => problem.startsWith(`${file}:4:9: ingest.port: `))).toContain('number');
    expect(problems.find((problem) => problem.startsWith(`${file}:6:14: consume.maxMemory: `))).toContain('512MB');
  });

  it('names the line of broken YAML and of a key given twice', async () => {
    const broken = await project('ingest:\n  port: [1\n');
    await expect(loadConfig(broken.request)).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringMatching(/keystone\.yaml:\d+:\d+: /),
    });
    const twice = await project('ingest:\n  port: 1\n  port: 2\n');
    await expect(loadConfig(twice.request)).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringContaining('keystone.yaml:3:3: '),
    });
  });

  it('refuses a wrong override and names where it was given', async () => {
    const { request } = await project('');
    await expect(loadConfig({ ...request, set: ['ingest.prot=1'] })).rejects.toMatchObject({
      code: 'KS_CONFIG',
      hint: 'did you mean "ingest.port"?',
    });
    await expect(loadConfig({ ...request, set: ['ingest.port=70000'] })).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringContaining('--set ingest.port'),
    });
    await expect(loadConfig({ ...request, env: { KEYSTONE_INGEST_PORT: 'x' } })).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringContaining('KEYSTONE_INGEST_PORT'),
    });
    await expect(loadConfig({ ...request, set: ['ingest.port'] })).rejects.toMatchObject({ code: 'KS_USAGE' });
    await expect(loadConfig({ ...request, set: ['__proto__.polluted=1'] })).rejects.toMatchObject({ code: 'KS_CONFIG' });
  });

  it.each([
    ['consume.maxMemory', 'KEYSTONE_CONSUME_MAX_MEMORY', '512MB'],
    ['consume.flushBytes', 'KEYSTONE_CONSUME_FLUSH_BYTES', '1MB'],
    ['engine.memory', 'KEYSTONE_ENGINE_MEMORY', '64MB'],
  ])('refuses a bound under which nothing works, and names the least: %s', async (setting, variable, least) => {
    const { request } = await project('');
    const says = { message: expect.stringContaining(`is less than ${least}`) };
    // What somebody writes who means gigabytes.
    await expect(loadConfig({ ...request, set: [`${setting}=1`] })).rejects.toMatchObject({ code: 'KS_CONFIG', ...says });
    await expect(loadConfig({ ...request, env: { [variable]: '0.9MB' } })).rejects.toMatchObject({ code: 'KS_CONFIG', ...says });
    const flags = [{ flag: '--own', setting, text: '1B' }];
    await expect(loadConfig({ ...request, flags })).rejects.toMatchObject({ code: 'KS_USAGE', ...says });
    await expect(loadConfig({ ...request, set: [`${setting}=${least}`] })).resolves.toBeDefined();
  });

  it('names the line of a bound that is too small', async () => {
    const { dir, request } = await project('consume:\n  maxMemory: 1\n');
    await expect(loadConfig(request)).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringContaining(`${path.join(dir, 'keystone.yaml')}:2:14: consume.maxMemory: is less than 512MB`),
    });
  });

  it('takes text that looks like a number where the setting is text', async () => {
    const { request } = await project('');
    expect((await loadConfig({ ...request, set: ['project=2017', 'log.topic=1.50'] })).profile.log.topic).toBe('1.50');
  });

  it('tells for each setting where its value comes from', async () => {
    const { request } = await project('ingest: {host: 0.0.0.0}\nprofiles: {local: {engine: {threads: 1}}}');
    const shown = showConfig(
      await loadConfigWithOrigins({ ...request, env: { KEYSTONE_LOG_TOPIC: 't' }, set: ['ingest.port=1'] }),
    );
    const origins = Object.fromEntries(shown.map(({ setting, origin }) => [setting, origin]));
    expect(origins).toMatchObject({
      'ingest.host': 'keystone.yaml',
      'ingest.port': '--set ingest.port',
      'log.topic': 'KEYSTONE_LOG_TOPIC',
      'engine.threads': 'profile local',
      models: 'default',
    });
    expect(shown).toHaveLength(allSettings().length);
  });
});

describe('allSettings', () => {
  it('gives each setting a name and a variable of its own, and a description', () => {
    const settings = allSettings();
    expect(new Set(settings.map(({ path: name }) => name)).size).toBe(settings.length);
    expect(new Set(settings.map(({ variable }) => variable)).size).toBe(settings.length);
    expect(settings.filter(({ description }) => description === '')).toEqual([]);
    expect(settings.find(({ path: name }) => name === 'ingest.maxInFlight')?.variable).toBe('KEYSTONE_INGEST_MAX_IN_FLIGHT');
  });
});

describe('a table of settings', () => {
  const yaml = 'ingest: {tokens: {shop-a: "env:SHOP_A"}}';

  it('shows its entries by reference, takes more of them by --set, and names may hold dots', async () => {
    const { request } = await project(yaml);
    const set = ['ingest.tokens.shop-a=env:OTHER', 'ingest.tokens.shop.example=file:/run/secrets/shop'];
    const loaded = await loadConfigWithOrigins({ ...request, set });
    expect(loaded.config.ingest.tokens).toEqual({ 'shop-a': 'env:OTHER', 'shop.example': 'file:/run/secrets/shop' });
    const shown = showConfig(loaded).filter(({ setting }) => setting.startsWith('ingest.tokens'));
    expect(shown).toEqual([
      { setting: 'ingest.tokens.shop-a', value: 'env:OTHER', origin: '--set ingest.tokens.shop-a' },
      { setting: 'ingest.tokens.shop.example', value: 'file:/run/secrets/shop', origin: '--set ingest.tokens.shop.example' },
    ]);
    expect(showConfig(await loadConfigWithOrigins(request))).toContainEqual({
      setting: 'ingest.tokens.shop-a',
      value: 'env:SHOP_A',
      origin: 'keystone.yaml',
    });
  });

  it('says what an entry looks like, and never repeats what may be a secret', async () => {
    const { request } = await project('');
    const refusal = (set: string) => loadConfig({ ...request, set: [set] }).catch((error: unknown) => error);
    expect(await refusal('ingest.tokens=env:X')).toMatchObject({
      code: 'KS_CONFIG',
      hint: 'write it like --set ingest.tokens.<producer>=env:NAME',
    });
    expect(await refusal('ingest.tokens.shop=hunter2')).toMatchObject({ message: expect.not.stringContaining('hunter2') });
    const list = await project('ingest: {tokens: [env:A]}');
    await expect(loadConfig(list.request)).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringMatching(/:1:\d+: ingest\.tokens: .*producer: env:NAME/),
    });
  });
});
