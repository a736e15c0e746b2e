/** Several consumers in one group: they share the partitions, one of them derives, and whatever happens to them no row is lost or doubled. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConsumeStatus } from '../../src/core/consume/consume-status.js';
import type { EventLog } from '../../src/core/log/event-log.js';
import { isBuilt, runCli, startCli, type CliProcess } from '../support/cli-process.js';
import { mixedEvents, seededRandom } from '../support/mixed-events.js';
import { tempDir } from '../support/temp-dir.js';
import { pause, suspendUnlocked, verify } from '../support/violent-project.js';
import { expireRecords } from './expire-records.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const PARTITIONS = 6;
/** Broker's least; the lease is as long. */
const SESSION_MS = 6000;
/** However loaded the machine is: what is waited for comes, or the test is stuck. */
const PATIENCE_MS = 240_000;

/** Two minutes by KEYSTONE_SOAK_SECONDS=120. */
const SOAK_SECONDS = Number(process.env['KEYSTONE_SOAK_SECONDS'] ?? 15);
/** However slow the machine is: with fewer nothing would be proved. */
const LEAST_KILLS = 2;
const SEED = Number(process.env['KEYSTONE_SEED'] ?? Math.floor(Math.random() * 1e6));

/** State and assignor of a group, its members with their partitions, and the sum of its offsets. */
const DESCRIBE = `
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;

public class Describe {
  public static void main(String[] args) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      var group = admin.describeConsumerGroups(List.of(args[1])).all().get().get(args[1]);
      System.out.println(group.state() + " " + group.partitionAssignor());
      for (var member : group.members())
        System.out.println("member " + member.consumerId() + " " + member.assignment().topicPartitions().stream()
            .sorted(Comparator.comparingInt(p -> p.partition())).map(Object::toString).collect(Collectors.joining(" ")));
      var offsets = admin.listConsumerGroupOffsets(args[1]).partitionsToOffsetAndMetadata().get();
      System.out.println("offsets " + offsets.values().stream().mapToLong(o -> o.offset()).sum());
    }
  }
}
`;

/** consumer_byte_rate of a client id; an empty one takes it away. */
const QUOTA = `
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.quota.*;

public class Quota {
  public static void main(String[] args) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
      var entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, args[1]));
      Double rate = args[2].isEmpty() ? null : Double.valueOf(args[2]);
      admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", rate))))).all().get();
    }
  }
}
`;

interface GroupProject {
  readonly dir: string;
  readonly topic: string;
  readonly group: string;
  readonly log: EventLog;
  /** Starts one more member; killed at the end of the test. */
  worker(...args: readonly string[]): CliProcess;
  status(): Promise<ConsumeStatus>;
}

async function until(what: () => Promise<boolean> | boolean, name: string): Promise<void> {
  const untilMs = Date.now() + PATIENCE_MS;
  while (!(await what())) {
    if (Date.now() > untilMs) throw new Error(`it does not come: ${name}`);
    await pause(100);
  }
}

async function json<T>(dir: string, args: readonly string[]): Promise<T> {
  const end = await runCli([...args, '--json'], { cwd: dir });
  expect(end, `${args.join(' ')}: ${end.stderr}${end.stdout}`).toMatchObject({ code: 0 });
  return (JSON.parse(end.stdout) as { result: T }).result;
}

/** Everything up to the log's end is in bronze once, by place and by event id, and the account closes. */
async function expectOnce(dir: string, events: number): Promise<void> {
  const sql =
    'SELECT count(*)::INT AS n, count(DISTINCT (kafka_partition, kafka_offset))::INT AS places, count(DISTINCT event_id)::INT AS ids FROM bronze.events';
  const { rows } = await json<{ readonly rows: readonly unknown[] }>(dir, ['query', sql]);
  expect(rows).toEqual([{ n: events, places: events, ids: events }]);
  expect(await verify(dir)).toMatchObject({ closed: true, totals: { bronze: events, pending: 0 } });
}

/** Events with ids of their own, over all partitions. */
const events = (count: number, prefix: string) =>
  mixedEvents(count, { seed: 7, partitions: PARTITIONS, prefix }).map((event, n) => ({
    ...event,
    headers: event.headers.map((header) =>
      header.key === 'ks-event-id' ? { ...header, value: Buffer.from(`${prefix}-${n}`) } : header,
    ),
  }));

describe.skipIf(!hasKafka || !isBuilt())('consumers in one group (needs npm run build)', () => {
  const kafka = kafkaServer();

  const groupProject = async (consume: Readonly<Record<string, string | number>> = {}): Promise<GroupProject> => {
    const [topic, group] = [freshTopic('shared'), freshTopic('group')];
    const dir = await tempDir();
    const settings = { group, leaseTtl: `${SESSION_MS}ms`, flushRows: 2000, flushInterval: '300ms', ...consume };
    const log = { adapter: 'kafka', topic, partitions: PARTITIONS, kafka: { brokers: kafka().brokers } };
    const yaml = { version: 1, consume: settings, resilience: { patience: '10m' }, profiles: { local: { log } } };
    await writeFile(path.join(dir, 'keystone.yaml'), JSON.stringify(yaml));
    await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
    const opened = await openLog({ brokers: kafka().brokers });
    await opened.ensureTopic(topic, PARTITIONS);
    return {
      dir,
      topic,
      group,
      log: opened,
      worker: (...args) => {
        const running = startCli(['consume', 'run', ...args], { cwd: dir });
        onTestFinished(async () => {
          running.child.kill('SIGKILL');
          await running.ended;
        });
        return running;
      },
      status: () => json<ConsumeStatus>(dir, ['consume', 'status', '--runs', '0']),
    };
  };

  it(
    'share the partitions, one derives, and each ends once the whole topic is derived',
    { timeout: 2 * PATIENCE_MS },
    async () => {
      const { dir, topic, log, worker } = await groupProject();
      await log.append(topic, events(6000, 'a'));
      const workers = [1, 2, 3].map(() => worker('--until-caught-up', '--json'));
      const ends = await Promise.all(workers.map(({ ended }) => ended));
      for (const end of ends) expect(end, end.stderr).toMatchObject({ code: 0 });
      const totals = ends.map(({ stdout }) => (JSON.parse(stdout) as { result: { landed: number; caughtUp: boolean } }).result);
      expect(totals.reduce((sum, { landed }) => sum + landed, 0)).toBe(6000);
      await expectOnce(dir, 6000);
    },
  );

  it(
    'are seen by consume status and by Kafka’s own tool, and a leaver’s partitions go to the others',
    { timeout: 2 * PATIENCE_MS },
    async () => {
      const { dir, topic, group, log, worker, status } = await groupProject();
      await log.append(topic, events(200, 's'));
      const [first, second] = [worker(), worker()];
      const shared = async (members: number): Promise<ConsumeStatus | null> => {
        const seen = await status();
        const landed = seen.members.flatMap(({ partitions }) => partitions);
        return seen.members.length === members && new Set(landed).size === PARTITIONS && seen.pendingDerivation === 0
          ? seen
          : null;
      };
      let seen: ConsumeStatus | null = null;
      await until(async () => (seen = await shared(2)) !== null, 'two members that share all partitions');
      const { members, lease } = seen!;
      expect(members.map(({ partitions }) => partitions.length)).toEqual([3, 3]);
      expect(members.filter(({ derives }) => derives).map(({ name }) => name)).toEqual(
        lease.kind === 'held' ? [lease.holder] : [],
      );
      // Kafka's tool decodes what the leader assigned, and knows the offsets as lag tools do.
      const described = await kafka().java(DESCRIBE, [kafka().brokers, group]);
      const theirs = described.trim().split('\n');
      expect(theirs[0]).toBe('Stable keystone-sticky');
      expect(theirs.filter((line) => line.startsWith('member')).toSorted()).toEqual(
        members
          .map(({ memberId, partitions }) => `member ${memberId} ${partitions.map((p) => `${topic}-${p}`).join(' ')}`)
          .toSorted(),
      );
      expect(theirs.at(-1)).toBe('offsets 200');
      const before = new Map(members.map(({ name, partitions }) => [name, partitions]));
      second.child.kill('SIGTERM');
      expect(await second.ended).toMatchObject({ code: 0 });
      // A member that leaves says so: nobody waits for its session to end.
      await until(async () => (seen = await shared(1)) !== null, 'one member with all partitions');
      expect(before.has(seen!.members[0]!.name)).toBe(true);
      await log.append(topic, events(300, 't'));
      await until(async () => (await status()).pendingDerivation === 0, 'everything is derived');
      first.child.kill('SIGTERM');
      expect(await first.ended).toMatchObject({ code: 0 });
      await expectOnce(dir, 500);
    },
  );

  it(
    'lose and double nothing while members are killed, added, and put to sleep beyond their session',
    { timeout: (SOAK_SECONDS + 600) * 1000 },
    async () => {
      const { dir, topic, log, worker, status } = await groupProject();
      process.stderr.write(`consume-group: seed ${SEED}, ${SOAK_SECONDS} s\n`);
      const random = seededRandom(SEED);
      const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
      const workers = new Set<CliProcess>([worker(), worker(), worker()]);
      const faults: string[] = [];
      const watch = (each: CliProcess): void =>
        void each.ended.then((end) => {
          // Killed ones end without a code; no other ends.
          if (end.code !== null) faults.push(`ended with ${end.code}: ${end.stderr}`);
        });
      for (const each of workers) watch(each);
      let appended = 0;
      let stopped = false;
      onTestFinished(() => void (stopped = true));
      const load = (async () => {
        while (!stopped) {
          await log.append(topic, events(100, `${SEED}-${appended}`));
          appended += 100;
          await pause(200);
        }
      })();
      const rss = new Map<number, number>();
      const peaks = async (): Promise<void> => {
        for (const { child } of workers) {
          const text = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
          const kb = Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1] ?? 0);
          rss.set(child.pid!, Math.max(kb, rss.get(child.pid!) ?? 0));
        }
      };
      const add = (): void => {
        if (workers.size >= 5) return;
        const one = worker();
        workers.add(one);
        watch(one);
      };
      // One stands still beyond its session in the middle of its work, and wakes as a zombie.
      const sleeper = pick([...workers]);
      await until(async () => (await status()).members.length === 3, 'three members');
      const sleep = (async () => {
        sleeper.child.kill('SIGSTOP');
        await pause(2 * SESSION_MS);
        sleeper.child.kill('SIGCONT');
      })();
      const endMs = Date.now() + SOAK_SECONDS * 1000;
      let kills = 0;
      while (Date.now() < endMs || kills < LEAST_KILLS) {
        await pause(1000 + random() * 2000);
        await peaks();
        if (random() < 0.5) {
          const others = [...workers].filter((each) => each !== sleeper);
          if (others.length >= 2) {
            const one = pick(others);
            workers.delete(one);
            one.child.kill('SIGKILL');
            await one.ended;
            kills += 1;
          } else add();
        } else add();
      }
      await sleep;
      stopped = true;
      await load;
      expect(faults).toEqual([]);
      await until(async () => (await status()).pendingDerivation === 0, 'everything is derived');
      await peaks();
      // One that was added last may still be starting, and a signal ends it as it ends any program.
      await until(async () => (await status()).members.length === workers.size, 'all that live are members');
      for (const each of workers) each.child.kill('SIGTERM');
      for (const { ended } of workers) {
        const end = await ended;
        expect(end, end.stderr).toMatchObject({ code: 0 });
      }
      expect(appended).toBeGreaterThan(0);
      await expectOnce(dir, appended);
      // What a single consumer may take by default, and Node, DuckDB and Arrow beside it.
      expect(Math.max(...rss.values())).toBeLessThan(768 * 1024);
      process.stderr.write(
        `consume-group: ${appended} events once, ${rss.size} members, ${kills} killed, largest ${Math.round(Math.max(...rss.values()) / 1024)} MiB\n`,
      );
    },
  );

  it('of two lakes do not share: each lake has everything', { timeout: 2 * PATIENCE_MS }, async () => {
    const { dir, topic, log, worker } = await groupProject();
    const other = await tempDir();
    for (const name of ['keystone.yaml', 'contracts'])
      await cp(path.join(dir, name), path.join(other, name), { recursive: true });
    await log.append(topic, events(400, 'l'));
    const beside = startCli(['consume', 'run'], { cwd: other });
    onTestFinished(async () => {
      beside.child.kill('SIGKILL');
      await beside.ended;
    });
    await until(
      async () => (await json<ConsumeStatus>(other, ['consume', 'status'])).pendingDerivation === 0,
      'the other lake is whole',
    );
    const end = await worker('--until-caught-up').ended;
    expect(end, end.stderr).toMatchObject({ code: 0 });
    await expectOnce(dir, 400);
    await expectOnce(other, 400);
    // Beside a member of its own group the other lake still names its own only.
    const { members } = await json<ConsumeStatus>(other, ['consume', 'status']);
    expect(members.map(({ partitions }) => partitions.length)).toEqual([PARTITIONS]);
  });

  it('name what expired before they read it, with its count, and skip nothing', { timeout: 2 * PATIENCE_MS }, async () => {
    const { dir, topic, log, worker, status } = await groupProject();
    await log.append(topic, events(300, 'u'));
    const workers = [worker(), worker()];
    await until(async () => {
      const seen = await status();
      return seen.members.length === 2 && seen.pendingDerivation === 0;
    }, 'two members that have derived everything');
    for (const each of workers) expect(await suspendUnlocked(each, dir)).toBe(true);
    const landed = new Map((await status()).positions.map(({ partition, nextOffset }) => [partition, nextOffset]));
    await log.append(topic, events(600, 'v'));
    const [partition, next] = [2, landed.get(2)!];
    await expireRecords(kafka(), topic, partition, next + 37);
    for (const each of workers) each.child.kill('SIGCONT');
    // Who lands that partition ends, and so does who has it next.
    for (const { ended } of workers) {
      const end = await ended;
      expect(end, end.stderr).toMatchObject({ code: 3 });
      expect(end.stderr).toContain('KS_LOG_TRUNCATED');
      expect(end.stderr).toContain(`partition ${partition} begins at ${next + 37}`);
      expect(end.stderr).toContain('37 events expired unread');
    }
    const after = (await status()).positions.filter(({ table }) => table === 'bronze.events');
    expect(after.find((position) => position.partition === partition)).toMatchObject({ nextOffset: next });
  });

  it('take a broker that holds them back by a quota for neither idle nor dead', { timeout: 2 * PATIENCE_MS }, async () => {
    const { dir, topic, log, worker } = await groupProject();
    const large = events(300, 'w').map((event) => ({ ...event, value: Buffer.alloc(5000, 'x') }));
    await log.append(topic, large);
    await kafka().java(QUOTA, [kafka().brokers, 'keystone', '100000']);
    try {
      // Empty answers in the middle of the topic are no end of it.
      const own = await openLog({ brokers: kafka().brokers, clientId: 'keystone' });
      for (const { partition, endOffset } of await own.bounds(topic)) {
        let at = 0;
        while (at < endOffset) {
          const { nextOffset } = await own.read(topic, partition, at, { maxRecords: 50, maxBytes: 1e6 });
          expect(nextOffset).toBeGreaterThan(at);
          at = nextOffset;
        }
      }
      const begunMs = Date.now();
      const ends = await Promise.all([worker('--until-caught-up'), worker('--until-caught-up')].map(({ ended }) => ended));
      for (const end of ends) {
        expect(end, end.stderr).toMatchObject({ code: 0 });
        expect(end.stderr).not.toContain('waiting for it');
      }
      // 1.5 MB at 100 kB/s.
      expect(Date.now() - begunMs).toBeGreaterThan(10_000);
    } finally {
      await kafka().java(QUOTA, [kafka().brokers, 'keystone', '']);
    }
    await expectOnce(dir, 300);
  });
});
