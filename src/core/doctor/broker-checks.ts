/** Kafka's brokers: do they answer and take us, for how long do the certificates hold, and is every copy of the log there? */
import { isKeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { KafkaLook } from '../log/kafka/look-at-kafka.js';
import { examine, failed, ok, skipped, warning, type DoctorCheck } from './doctor-check.js';

const BROKERS = 'kafka brokers';
const CERTIFICATES = 'kafka certificates';
const GROUP = 'kafka group';
const REPLICAS = 'kafka replicas';
/** Where groups keep what they have committed. */
const OFFSETS_TOPIC = '__consumer_offsets';
const SOON_MS = 30 * 86_400_000;

/** None for the embedded log. */
export async function brokerChecks({ config, effects }: Lakehouse): Promise<readonly DoctorCheck[]> {
  const { log } = config.profile;
  if (log.adapter !== 'kafka') return [];
  const { lookAtKafka } = await import('../log/kafka/look-at-kafka.js');
  let look: KafkaLook | undefined;
  try {
    const answers = await examine(BROKERS, 'KS_LOG', async () => {
      look = await lookAtKafka(config, effects);
      const brokers = await look.brokers();
      const count = brokers.length === 0 ? '' : `, ${brokers.length} in the cluster`;
      return ok(BROKERS, `${look.place} answers${count}`);
    });
    if (look === undefined || answers.status !== 'ok')
      return [answers, ...[CERTIFICATES, GROUP, REPLICAS].map((check) => skipped(check, 'the brokers cannot be asked'))];
    return [
      answers,
      await certificatesCheck(look, effects.clock.nowMs()),
      await groupCheck(look, config.consume.group),
      await replicasCheck(look, log.topic),
    ];
  } finally {
    await look?.close();
  }
}

const certificatesCheck = (look: KafkaLook, nowMs: number): Promise<DoctorCheck> =>
  examine(CERTIFICATES, 'KS_LOG', async () => {
    const [soonest, ...others] = await look.certificates();
    if (soonest === undefined) return ok(CERTIFICATES, 'none: the brokers are spoken to without TLS');
    const until = new Date(soonest.expiresAtMs).toISOString().slice(0, 10);
    const days = Math.floor((soonest.expiresAtMs - nowMs) / 86_400_000);
    const found = `that of ${soonest.whose} is valid until ${until}${others.length === 0 ? '' : `, ${others.length} others longer`}`;
    return soonest.expiresAtMs - nowMs < SOON_MS
      ? warning(CERTIFICATES, `${found} (${days} days)`, 'renew it: who connects after that day is refused')
      : ok(CERTIFICATES, found);
  });

const groupCheck = (look: KafkaLook, group: string): Promise<DoctorCheck> =>
  examine(GROUP, 'KS_LOG', async () => ok(GROUP, `${group} is coordinated by ${await look.coordinator(group)}`));

const replicasCheck = (look: KafkaLook, topic: string): Promise<DoctorCheck> =>
  examine(REPLICAS, 'KS_LOG', async () => {
    const away: string[] = [];
    const behind: string[] = [];
    let partitions = 0;
    for (const name of [topic, OFFSETS_TOPIC]) {
      const found = await look.topic(name).catch((error: unknown) => {
        // Who may read and write the topic need not see where groups keep their offsets.
        if (name === OFFSETS_TOPIC && isKeystoneError(error) && error.code === 'KS_CREDENTIALS') return null;
        throw error;
      });
      if (found === null) continue;
      partitions += found.leaders.size;
      for (const [partition, leader] of found.leaders) if (leader < 0) away.push(`${name}/${partition}`);
      for (const partition of found.underReplicated ?? []) behind.push(`${name}/${partition}`);
    }
    if (away.length > 0)
      return failed(
        REPLICAS,
        'KS_LOG',
        `without a leader: ${listed(away)}`,
        'start the brokers that hold them: what is sent there waits',
      );
    if (behind.length > 0)
      return warning(
        REPLICAS,
        `a copy is away or behind: ${listed(behind)}`,
        'a broker is down or slow: one more, and appends may wait',
      );
    return ok(REPLICAS, partitions === 0 ? 'no topic yet' : `all copies of ${partitions} partitions are in sync`);
  });

const LISTED = 5;
const listed = (names: readonly string[]): string =>
  names.length > LISTED ? `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more` : names.join(', ');
