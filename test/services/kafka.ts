/**
 * A real Apache Kafka (KRaft) for tests: Maven Central's jars in the user's cache, brokers on free ports of 127.0.0.1 in a temporary folder.
 * The brokers die with this process and leave nothing behind.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeAuthority, type Authority } from '../support/certificates.js';
import { freePorts } from './free-port.js';

const run = promisify(execFile);

/** Another one is tried by `KEYSTONE_TEST_KAFKA=3.9.2`. */
const VERSION = process.env['KEYSTONE_TEST_KAFKA'] || '4.3.1';
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
`;
/** Other bindings of slf4j that come along. */
const NOT_WANTED = /^(?:slf4j-reload4j|log4j-slf4j-impl)/;
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qg';

export const KAFKA_USER = 'keystone';
export const KAFKA_PASSWORD = 'keystone-secret';

export interface Kafka {
  /** Of the first broker: one folder for each partition. */
  readonly dataFolder: string;
  readonly version: string;
  /** `host:port,…`; the same after a broker was started again. */
  readonly brokers: string;
  /** TLS with SASL; with `secure` only. */
  readonly saslBrokers: string;
  /** TLS that asks for a client certificate; with `secure` only. */
  readonly mtlsBrokers: string;
  readonly authority: Authority | null;
  /** kill -9; nodes count from 0. */
  kill(node?: number): Promise<void>;
  start(node?: number): Promise<void>;
  /** Starts those that were killed and not started again. */
  revive(): Promise<void>;
  /** Stops answering without closing anything, or goes on. */
  suspend(suspended: boolean, node?: number): void;
  /** Runs a class of Kafka's own clients (`kafka.*`, `org.apache.kafka.*`) and gives its standard output. */
  java(source: string, args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Folder of Kafka's jars, or null where there is no Java or no Maven to fetch them. */
export async function installKafka(): Promise<string | null> {
  const there = (command: string): Promise<boolean> =>
    run(command, ['-version']).then(
      () => true,
      () => false,
    );
  if (!(await there('java'))) return null;
  const name = createHash('sha256').update(POM).digest('hex').slice(0, 16);
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'keystone-services');
  const libs = path.join(cache, `kafka-${VERSION}-${name}`);
  if (existsSync(libs)) return libs;
  if (!(await there('mvn'))) return null;
  process.stderr.write(`Fetching Kafka ${VERSION} into ${libs}…\n`);
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(`${libs}-`);
  try {
    const pom = path.join(made, 'pom.xml');
    await writeFile(pom, POM);
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${made}`];
    await run('mvn', ['-B', '-ntp', '-q', '-f', pom, ...copy], { maxBuffer: 64e6 });
    for (const file of await readdir(made)) if (NOT_WANTED.test(file) || file === 'pom.xml') await rm(path.join(made, file));
    // Renamed when whole: a run that is stopped or has company leaves no half folder under the name.
    await rename(made, libs).catch((error: unknown) => {
      if (!existsSync(libs)) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return libs;
}

interface Ports {
  readonly plain: number;
  readonly controller: number;
  readonly sasl: number;
  readonly mtls: number;
}

export interface KafkaOptions {
  readonly nodes?: 1 | 3;
  /** Listeners with TLS too. */
  readonly secure?: boolean;
  /** Lines of server.properties. */
  readonly settings?: readonly string[];
  /** Slower to start, faster to serve: for measuring. */
  readonly fast?: boolean;
  /** Java sources by class name, compiled and put before the broker's own classes: what a setting names. */
  readonly classes?: Readonly<Record<string, string>>;
}

export async function startKafka(
  libs: string,
  { nodes = 1, secure = false, settings = [], fast = false, classes = {} }: KafkaOptions = {},
): Promise<Kafka> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-kafka-'));
  const ports = await portsOf(nodes);
  const authority = secure ? await makeAuthority(dir, 'kafka-ca') : null;
  if (authority) await writeKeystore(dir, authority);
  const children: (ChildProcess | undefined)[] = [];
  const pids: number[] = [];
  const folder = (node: number): string => path.join(dir, `node-${node}`);
  const at = (kind: keyof Ports): string => ports.map((port) => `127.0.0.1:${port[kind]}`).join(',');
  const own = await compiled(classes, libs, path.join(dir, 'classes'));
  const java = [...JVM, ...(fast ? FAST_JVM : []), '-cp', [...own, classPath(libs)].join(':')];
  for (let node = 0; node < nodes; node++) {
    const properties = path.join(folder(node), 'server.properties');
    await mkdir(folder(node));
    await writeFile(properties, [...propertiesOf(node, ports, dir, secure), ...settings, ''].join('\n'));
    const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '-S',
      `${mechanism}=[name=${KAFKA_USER},password=${KAFKA_PASSWORD}]`,
    ]);
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties, ...(secure ? scram : [])];
    await run('java', [...java, ...format]);
  }
  const start = async (node = 0): Promise<void> => {
    const log = path.join(folder(node), 'log');
    await writeFile(log, '');
    const child = startTied(['java', ...java, 'kafka.Kafka', path.join(folder(node), 'server.properties')], dir, log);
    children[node] = child;
    pids[node] = await new Promise<number>((resolve) =>
      child.stdout?.once('data', (text: Buffer) => resolve(Number(text.toString('utf8')))),
    );
  };
  const ready = async (node = 0): Promise<void> => {
    for (let tries = 0; ; tries++) {
      const said = await readFile(path.join(folder(node), 'log'), 'utf8');
      if (said.includes('Kafka Server started')) return;
      if (tries > 1200 || children[node]?.exitCode !== null) throw new Error(`Kafka did not start: ${said.slice(-2000)}`);
      await delay(50);
    }
  };
  const kill = async (node = 0): Promise<void> => {
    const child = children[node];
    if (!child) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      process.kill(pids[node]!, 'SIGKILL');
      await gone;
    }
    children[node] = undefined;
  };
  const kafka: Kafka = {
    version: VERSION,
    dataFolder: path.join(folder(0), 'data'),
    brokers: at('plain'),
    saslBrokers: at('sasl'),
    mtlsBrokers: at('mtls'),
    authority,
    kill,
    start: async (node = 0) => {
      await start(node);
      await ready(node);
    },
    revive: async () => {
      for (let node = 0; node < nodes; node++) if (!children[node]) await kafka.start(node);
    },
    suspend: (suspended, node = 0) => void process.kill(pids[node]!, suspended ? 'SIGSTOP' : 'SIGCONT'),
    java: async (source, args) => {
      const file = path.join(dir, `${/class (\w+)/.exec(source)?.[1] ?? 'Main'}.java`);
      await writeFile(file, source);
      return (await run('java', [...java, file, ...args], { maxBuffer: 64e6 })).stdout;
    },
    remove: async () => {
      for (let node = 0; node < nodes; node++) await kill(node);
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    for (let node = 0; node < nodes; node++) await start(node);
    for (let node = 0; node < nodes; node++) await ready(node);
  } catch (error) {
    await kafka.remove();
    throw error;
  }
  return kafka;
}

const JVM = [
  '-Xmx256m',
  '-Xms64m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Xshare:auto',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server=info',
  '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.server=info',
  '-Dlog4j2.level=OFF',
  '-Dlog4j2.disable.jmx=true',
];

/** The last one of a flag counts. */
const FAST_JVM = ['-Xmx1g', '-XX:TieredStopAtLevel=4'];

const classPath = (libs: string): string =>
  readdirSync(libs)
    .filter((file) => file.endsWith('.jar'))
    .toSorted()
    .map((file) => path.join(libs, file))
    .join(':');

/** The folder of the classes, if there are any. */
async function compiled(classes: Readonly<Record<string, string>>, libs: string, to: string): Promise<readonly string[]> {
  const names = Object.keys(classes);
  if (names.length === 0) return [];
  await mkdir(to);
  const files = names.map((name) => path.join(to, `${name}.java`));
  await Promise.all(names.map((name, n) => writeFile(files[n]!, classes[name]!)));
  await run('javac', ['-nowarn', '-cp', classPath(libs), '-d', to, ...files]);
  return [to];
}

function propertiesOf(node: number, ports: readonly Ports[], dir: string, secure: boolean): readonly string[] {
  const { plain, controller, sasl, mtls } = ports[node]!;
  const copies = ports.length;
  const kept = copies > 1 ? 2 : 1;
  const doors = [`PLAINTEXT://127.0.0.1:${plain}`];
  if (secure) doors.push(`SASL_SSL://127.0.0.1:${sasl}`, `SSL://127.0.0.1:${mtls}`);
  return [
    'process.roles=broker,controller',
    `node.id=${node + 1}`,
    `controller.quorum.voters=${ports.map((port, n) => `${n + 1}@127.0.0.1:${port.controller}`).join(',')}`,
    `listeners=${[...doors, `CONTROLLER://127.0.0.1:${controller}`].join(',')}`,
    `advertised.listeners=${doors.join(',')}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL',
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    `log.dirs=${path.join(dir, `node-${node}`, 'data')}`,
    `default.replication.factor=${copies}`,
    `min.insync.replicas=${kept}`,
    ...['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'].flatMap((topic) => [
      `${topic}.replication.factor=${copies}`,
      `${topic}.num.partitions=3`,
    ]),
    `transaction.state.log.min.isr=${kept}`,
    `share.coordinator.state.topic.min.isr=${kept}`,
    'group.initial.rebalance.delay.ms=0',
    'log.cleaner.dedupe.buffer.size=10485760',
    'log.retention.check.interval.ms=1000',
    'num.network.threads=2',
    'num.io.threads=2',
    'background.threads=2',
    'auto.create.topics.enable=false',
    'controlled.shutdown.enable=false',
    // A broker that was killed may come back at once.
    'broker.heartbeat.interval.ms=300',
    'broker.session.timeout.ms=1500',
    'metric.reporters=',
    'telemetry.enable=false',
    ...(secure ? secureProperties(dir) : []),
  ];
}

function secureProperties(dir: string): readonly string[] {
  const login = (mechanism: string, module: string, options = ''): string =>
    `listener.name.sasl_ssl.${mechanism}.sasl.jaas.config=org.apache.kafka.common.security.${module} required${options};`;
  return [
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${path.join(dir, 'keystore.pem')}`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${path.join(dir, 'kafka-ca.pem')}`,
    'listener.name.ssl.ssl.client.auth=required',
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    login('plain', 'plain.PlainLoginModule', ` user_${KAFKA_USER}="${KAFKA_PASSWORD}"`),
    login('scram-sha-256', 'scram.ScramLoginModule'),
    login('scram-sha-512', 'scram.ScramLoginModule'),
    login('oauthbearer', 'oauthbearer.OAuthBearerLoginModule', ' unsecuredLoginStringClaim_sub="broker"'),
  ];
}

async function writeKeystore(dir: string, authority: Authority): Promise<void> {
  const { certificate, key } = await authority.sign('broker', { names: ['localhost', '127.0.0.1'] });
  const parts = await Promise.all([key, certificate, authority.certificate].map((file) => readFile(file, 'utf8')));
  await writeFile(path.join(dir, 'keystore.pem'), parts.join(''));
}

/**
 * The program beside a shell that reads a pipe of this process: when this process ends, however it ends, the pipe ends too, and the
 * shell ends the program and removes the folder `dir`. Its first line of output is the program's process id.
 */
function startTied(command: readonly string[], dir: string, log: string): ChildProcess {
  const script =
    'dir=$1; out=$2; shift 2; "$@" >>"$out" 2>&1 </dev/null 3<&- & pid=$!; echo $pid; (cat <&3; setsid sh -c "sleep 1; rm -rf $dir" & kill -9 $pid) >/dev/null 2>&1 & wait $pid; kill -9 0';
  const child = spawn('/bin/sh', ['-c', script, 'sh', dir, log, ...command], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    detached: true,
  });
  // Held open, never written.
  (child.stdio[3] as Writable).on('error', () => undefined);
  return child;
}

async function portsOf(nodes: number): Promise<readonly Ports[]> {
  const all = await freePorts(nodes * 4);
  return Array.from({ length: nodes }, (_, n) => {
    const [plain, controller, sasl, mtls] = all.slice(4 * n) as [number, number, number, number];
    return { plain, controller, sasl, mtls };
  });
}
