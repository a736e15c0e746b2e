/** A log in memory that is behind a network which fails on order, and knows batches by their names as Kafka does. */
import { KeystoneError } from '../../src/core/errors.js';
import type { NewRecord } from '../../src/core/log/event-log.js';
import type { BatchName, BatchOutcome, CutBatch, NamedAppends, NamedBatch } from '../../src/core/log/named-appends.js';
import { partitionChooser } from '../../src/core/log/partition-choice.js';

export type Weather =
  /** Answers. */
  | 'fine'
  /** Nothing arrives. */
  | 'away'
  /** Takes the batch, and its answer is lost. */
  | 'deaf'
  /** Says no for good. */
  | 'refusing';

export interface NamedLog extends NamedAppends {
  weather: Weather;
  /** Before each send: what the weather is then. */
  onSend: (batches: readonly NamedBatch[]) => void;
  /** Of each partition, in order. */
  values(): readonly (readonly string[])[];
  /** Forgets all names, as a broker does after a day; a batch under an old name is then taken as new. */
  forget(): void;
  /** From now on unknown names are refused, as Kafka before 2.5 does. */
  isStrict: boolean;
}

export const textOf = (record: NewRecord): string => Buffer.from(record.value ?? []).toString('utf8');
const away = (): Error => Object.assign(new KeystoneError('KS_LOG', 'the log does not answer'), { retriable: true });

export function namedLog(partitions: number): NamedLog {
  const held: { readonly record: NewRecord; readonly name: string; readonly first: number }[][] = Array.from(
    { length: partitions },
    () => [],
  );
  const lanes = new Map<number, { producerId: string; next: number }>();
  /** By producer and partition: the number that comes next, and the last five batches. */
  const producers = new Map<string, { next: number; batches: { readonly sequence: number; readonly offset: number }[] }>();
  let producerIds = 0;
  const choose = partitionChooser(partitions, 0);
  const keyOf = (partition: number, name: BatchName): string => `${name.producerId}/${partition}`;

  const take = ({ partition, records, name }: NamedBatch): BatchOutcome => {
    const key = keyOf(partition, name);
    const producer = producers.get(key);
    const known = producer?.batches.find(({ sequence }) => sequence === name.firstSequence);
    if (known) return { kind: 'taken', baseOffset: known.offset };
    const isUnknown = producer === undefined && log.isStrict && name.firstSequence > 0;
    if (isUnknown || (producer && producer.next !== name.firstSequence))
      return { kind: 'forgotten', error: new Error('out of order') };
    const offset = held[partition]!.length;
    for (const record of records) held[partition]!.push({ record, name: `${key}/${name.firstSequence}`, first: offset });
    const batches = [...(producer?.batches ?? []), { sequence: name.firstSequence, offset }].slice(-5);
    producers.set(key, { next: name.firstSequence + records.length, batches });
    return { kind: 'taken', baseOffset: offset };
  };

  const log: NamedLog = {
    weather: 'fine',
    onSend: () => undefined,
    isStrict: true,
    values: () => held.map((those) => those.map(({ record }) => textOf(record))),
    forget: () => producers.clear(),
    recordBytes: async () => 1_000_000,
    cut: async (_topic, records) => {
      if (log.weather === 'away') throw away();
      const cuts = new Map<number, { partition: number; records: NewRecord[]; indexes: number[] }[]>();
      records.forEach((record, index) => {
        const partition = choose(record);
        const those = cuts.get(partition) ?? [];
        cuts.set(partition, those);
        if (those.length === 0 || those.at(-1)!.records.length >= 3) those.push({ partition, records: [], indexes: [] });
        those.at(-1)!.records.push(record);
        those.at(-1)!.indexes.push(index);
      });
      return [...cuts.values()].flat().map((cut): CutBatch => {
        const lane = lanes.get(cut.partition) ?? { producerId: String((producerIds += 1)), next: 0 };
        lanes.set(cut.partition, lane);
        const name = {
          producerId: lane.producerId,
          producerEpoch: 0,
          firstSequence: lane.next,
          notBefore: held[cut.partition]!.length,
        };
        lane.next += cut.records.length;
        return { ...cut, name };
      });
    },
    send: async (_topic, batches) => {
      log.onSend(batches);
      await new Promise(setImmediate);
      return batches.map((batch): BatchOutcome => {
        const outcome: BatchOutcome =
          log.weather === 'away'
            ? { kind: 'unsent', error: away() }
            : log.weather === 'refusing'
              ? { kind: 'refused', error: new KeystoneError('KS_LOG', 'not permitted') }
              : take(batch);
        const settled: BatchOutcome =
          log.weather === 'deaf' && outcome.kind === 'taken' ? { kind: 'doubtful', error: away() } : outcome;
        if (settled.kind !== 'taken' && lanes.get(batch.partition)?.producerId === batch.name.producerId)
          lanes.delete(batch.partition);
        return settled;
      });
    },
    find: async (_topic, { partition, name }) => {
      if (log.weather === 'away') throw away();
      return held[partition]!.find((each) => each.name === `${keyOf(partition, name)}/${name.firstSequence}`)?.first ?? null;
    },
  };
  return log;
}
