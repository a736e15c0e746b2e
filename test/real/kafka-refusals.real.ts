/** What the command line says when Kafka's brokers do not let it in: the right code and the next step, nothing lost, no secret told. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, type CliEnd } from '../support/cli-process.js';
import { makeAuthority, type CertificateFiles } from '../support/certificates.js';
import { tempDir } from '../support/temp-dir.js';
import { KAFKA_PASSWORD, KAFKA_USER } from '../services/kafka.js';
import { freshTopic, hasKafka, kafkaServer, openLog, type KafkaSettings } from './kafka-server.js';

const WRONG = 'not-the-password-7d1f';
const GROUP = 'lakehouse-enterprise-writers';
const EVENTS = 20;

/** What one who builds a lake is given, and no more. */
const GRANT = `import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.resource.*;
public class Grant {
  static AclBinding allow(String user, ResourceType type, String name, AclOperation operation) {
    return new AclBinding(new ResourcePattern(type, name, PatternType.LITERAL),
        new AccessControlEntry("User:" + user, "*", operation, AclPermissionType.ALLOW));
  }
  public static void main(String[] args) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      List<AclBinding> all = new ArrayList<>();
      for (String words : Arrays.copyOfRange(args, 2, args.length)) {
        String[] parts = words.split(":");
        all.add(allow(args[1], ResourceType.valueOf(parts[0]), parts[1], AclOperation.valueOf(parts[2])));
      }
      admin.createAcls(all).all().get();
    }
  }
}`;

interface Project {
  readonly dir: string;
  readonly topic: string;
  readonly env: Readonly<Record<string, string>>;
}

async function project(kafka: KafkaSettings, password: string, topic = freshTopic('refused')): Promise<Project> {
  const dir = await tempDir();
  const log = { adapter: 'kafka', topic, partitions: 1, kafka };
  await writeFile(path.join(dir, 'keystone.yaml'), `version: 1\nprofiles:\n  local:\n    log: ${JSON.stringify(log)}\n`);
  await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
  const lines = Array.from({ length: EVENTS }, (_, n) => `{"order_id":"${n}","order_status":"created"}\n`).join('');
  await writeFile(path.join(dir, 'orders.ndjson'), lines);
  return { dir, topic, env: { KAFKA_SECRET: password } };
}

const SEND = ['ingest', 'send', 'orders.ndjson', '--direct', '--dataset', 'orders'];
const COMMANDS = [SEND, ['ingest', 'serve', '--port', '0'], ['consume', 'run', '--until-caught-up'], ['lag', 'show'], ['doctor']];

async function command({ dir, env }: Project, args: readonly string[]): Promise<CliEnd> {
  const end = await runCli([...args, '--json', '--verbose'], { cwd: dir, env });
  for (const secret of [KAFKA_PASSWORD, WRONG, 'BEGIN PRIVATE KEY'])
    expect(`${end.stdout}${end.stderr}`, args.join(' ')).not.toContain(secret);
  return end;
}

interface Told {
  readonly code: string;
  readonly text: string;
}

/** The error of a command, or the failed checks of doctor, in one text. */
function told(args: readonly string[], end: CliEnd): Told {
  const reply = JSON.parse(end.stdout) as {
    readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
    readonly result?: {
      readonly checks: readonly {
        readonly check: string;
        readonly code: string | null;
        readonly found: string;
        readonly fix: string;
      }[];
    };
  };
  if (reply.error) return { code: reply.error.code, text: `${reply.error.message} | ${reply.error.hint ?? ''}` };
  const check = reply.result?.checks.find(({ check }) => check === 'kafka brokers');
  expect(check, `${args.join(' ')}: ${end.stdout}${end.stderr}`).toBeDefined();
  return { code: check?.code ?? '', text: `${check?.found} | ${check?.fix}` };
}

async function expectRefused(at: Project, commands: readonly (readonly string[])[], code: string, says: RegExp): Promise<void> {
  for (const args of commands) {
    const end = await command(at, args);
    const { code: got, text } = told(args, end);
    expect([args.join(' '), got, text]).toEqual([args.join(' '), code, expect.stringMatching(says)]);
    expect(text).toMatch(/\| .*(?:log\.kafka|principal|keystone doctor)/);
    expect(end.code).toBe(code === 'KS_LOG' ? 5 : 4);
  }
}

/** TLS with a certificate of its own in front of a port that speaks without. */
async function tlsInFront(of: string, { certificate, key }: CertificateFiles): Promise<string> {
  const [host, port] = of.split(':');
  const server = tls.createServer({ cert: await readFile(certificate), key: await readFile(key) }, (socket) => {
    const behind = net.connect(Number(port), host);
    for (const each of [socket, behind]) each.on('error', () => undefined);
    socket.pipe(behind).pipe(socket);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(!hasKafka || !isBuilt())('refusals of Kafka, by the command line (needs npm run build)', () => {
  const kafka = kafkaServer({
    secure: true,
    settings: [
      'listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN',
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users=User:ANONYMOUS',
    ],
  });
  const sasl = (mechanism = 'plain'): KafkaSettings => ({
    brokers: kafka().saslBrokers,
    tls: true,
    ca: kafka().authority!.certificate,
    sasl: mechanism,
    username: KAFKA_USER,
    password: 'env:KAFKA_SECRET',
  });
  const endOf = async (topic: string): Promise<number> => {
    const bounds = await (await openLog({ brokers: kafka().brokers })).bounds(topic);
    return bounds.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0);
  };

  it('a wrong password', async () => {
    await expectRefused(
      await project(sasl(), WRONG),
      COMMANDS,
      'KS_CREDENTIALS',
      /refused the plain credentials.*log\.kafka\.password/,
    );
  });

  it('a mechanism that the listener does not take', async () => {
    const at = await project(sasl('scram-sha-512'), KAFKA_PASSWORD);
    await expectRefused(at, [SEND], 'KS_CREDENTIALS', /SCRAM-SHA-512|mechanism/i);
  });

  it('brokers of an unknown CA', async () => {
    const other = await makeAuthority(await tempDir(), 'other-ca');
    const at = await project({ ...sasl(), ca: other.certificate }, KAFKA_PASSWORD);
    await expectRefused(at, [SEND, ['doctor']], 'KS_CREDENTIALS', /certificate.*log\.kafka\.ca/);
  });

  it('a broker whose certificate has expired, or is for another host', async () => {
    const authority = kafka().authority!;
    for (const [name, options, says] of [
      ['late', { days: -1, names: ['127.0.0.1'] }, /certificate has expired.*log\.kafka/],
      ['elsewhere', { names: ['broker.example'] }, /127\.0\.0\.1.*(?:altnames|cert).*log\.kafka/i],
    ] as const) {
      const brokers = await tlsInFront(kafka().brokers, await authority.sign(name, options));
      const at = await project({ brokers, tls: true, ca: authority.certificate }, '-');
      await expectRefused(at, [['doctor']], 'KS_CREDENTIALS', says);
    }
  });

  it('a client whose certificate has expired, or that shows none', async () => {
    const authority = kafka().authority!;
    const settings = { brokers: kafka().mtlsBrokers, tls: true, ca: authority.certificate };
    for (const own of [{}, await authority.sign('late-client', { days: -1 })]) {
      const at = await project({ ...settings, ...own }, '-');
      await expectRefused(at, [SEND], 'KS_CREDENTIALS', /(?:alert|certificate).*log\.kafka\.certificate/);
    }
  });

  it('TLS on a port without it, and the other way round', async () => {
    const withTls = await project({ brokers: kafka().brokers, tls: true, ca: kafka().authority!.certificate }, '-');
    await expectRefused(withTls, [['doctor']], 'KS_LOG', /did not answer.*log\.kafka\.tls: false/);
    const without = await project({ brokers: kafka().mtlsBrokers }, '-');
    await expectRefused(without, [['doctor']], 'KS_LOG', /did not answer.*log\.kafka\.tls: true/);
  });

  it('a topic that this principal may not write, or not read; what it may, it does, and nothing comes twice', async () => {
    const at = await project(sasl(), KAFKA_PASSWORD);
    const { topic } = at;
    await (await openLog({ brokers: kafka().brokers })).ensureTopic(topic, 1);
    const grant = (...words: readonly string[]): Promise<string> => kafka().java(GRANT, [kafka().brokers, KAFKA_USER, ...words]);

    const unseen = told(SEND, await command(at, SEND));
    expect(unseen).toMatchObject({ code: 'KS_CREDENTIALS', text: expect.stringMatching(/did not permit.*principal/) as string });
    await grant(`TOPIC:${topic}:DESCRIBE`);
    const unwritten = told(SEND, await command(at, SEND));
    expect(unwritten).toMatchObject({
      code: 'KS_CREDENTIALS',
      text: expect.stringMatching(/did not permit.*principal/) as string,
    });
    expect(await endOf(topic)).toBe(0);

    await grant(`TOPIC:${topic}:WRITE`);
    expect(await command(at, SEND)).toMatchObject({ code: 0 });
    expect(await endOf(topic)).toBe(EVENTS);
    const consume = ['consume', 'run', '--until-caught-up'];
    const unread = told(consume, await command(at, consume));
    expect(unread).toMatchObject({ code: 'KS_CREDENTIALS', text: expect.stringMatching(/did not permit.*principal/) as string });

    await grant(`TOPIC:${topic}:READ`, `GROUP:${GROUP}:READ`);
    const consumed = await command(at, consume);
    expect(consumed, consumed.stderr).toMatchObject({ code: 0 });
    const verified = await command(at, ['ledger', 'verify']);
    expect(JSON.parse(verified.stdout)).toMatchObject({ result: { closed: true, totals: { bronze: EVENTS, pending: 0 } } });
  });

  it('doctor tells the certificates’ days, the coordinator and the copies', async () => {
    const authority = kafka().authority!;
    const at = await project(
      { brokers: kafka().mtlsBrokers, tls: true, ca: authority.certificate, ...(await authority.sign('soon', { days: 9 })) },
      '-',
    );
    const checks = async (of: Project): Promise<Readonly<Record<string, readonly [string, string]>>> => {
      const { stdout } = await command(of, ['doctor']);
      const reply = JSON.parse(stdout) as {
        readonly result: { readonly checks: readonly { check: string; status: string; found: string }[] };
      };
      return Object.fromEntries(reply.result.checks.map(({ check, status, found }) => [check, [status, found]]));
    };
    const shown = await checks(at);
    expect(shown['kafka certificates']).toEqual([
      'warning',
      expect.stringMatching(/log\.kafka\.certificate is valid until \d{4}-\d\d-\d\d, 1 others longer \(8 days\)/),
    ]);
    const plain = await checks(await project({ brokers: kafka().brokers }, '-'));
    expect(plain['kafka certificates']).toEqual(['ok', expect.stringContaining('without TLS')]);
    expect(plain['kafka brokers']).toEqual(['ok', expect.stringContaining('1 in the cluster')]);
    expect(plain['kafka group']).toEqual(['ok', `${GROUP} is coordinated by ${kafka().brokers}`]);
    expect(plain['kafka replicas']).toEqual([
      'ok',
      expect.stringMatching(/no topic yet|all copies of \d+ partitions are in sync/),
    ]);
  });
});
