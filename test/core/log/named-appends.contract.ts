/** What every log with named appends promises; run against each by its own test. */
import { describe, expect, it } from 'vitest';
import type { EventLog, NewRecord } from '../../../src/core/log/event-log.js';
import type { BatchOutcome, NamedAppends, NamedBatch } from '../../../src/core/log/named-appends.js';

const PATIENCE_MS = 20_000;
const record = (value: string, partition: number): NewRecord => ({
  partition,
  key: null,
  value: Buffer.from(value),
  headers: [],
});

async function valuesOf(log: EventLog, topic: string, partition: number): Promise<readonly string[]> {
  const bounds = (await log.bounds(topic)).find((each) => each.partition === partition)!;
  const values: string[] = [];
  for (let at = bounds.startOffset; at < bounds.endOffset;) {
    const { records, nextOffset } = await log.read(topic, partition, at, { maxRecords: 10_000, maxBytes: 1e8 });
    values.push(...records.map(({ value }) => Buffer.from(value ?? []).toString('utf8')));
    at = nextOffset;
  }
  return values;
}

/** Stored and read again, as a spool does. */
const stored = (batch: NamedBatch): NamedBatch => ({
  ...batch,
  name: JSON.parse(JSON.stringify(batch.name)) as NamedBatch['name'],
});

/** @param open two ways into the same log, as two processes have. */
export function namedAppendsContract(
  name: string,
  open: () => Promise<{ readonly log: EventLog; readonly again: () => Promise<EventLog> }>,
): void {
  const named = (log: EventLog): NamedAppends => {
    if (!log.named) throw new Error('this log names nothing');
    return log.named;
  };
  const taken = (outcomes: readonly BatchOutcome[]): (number | null)[] =>
    outcomes.map((outcome) => {
      if (outcome.kind !== 'taken') throw new Error(`${outcome.kind}: ${outcome.error.message}`);
      return outcome.baseOffset;
    });

  describe(`NamedAppends contract: ${name}`, () => {
    it('takes batches in order, and tells where they lie', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 2);
      const cuts = await named(log).cut('t', [record('a', 0), record('b', 1), record('c', 0)], PATIENCE_MS);
      expect(cuts.map(({ partition, indexes }) => [partition, [...indexes]])).toEqual([
        [0, [0, 2]],
        [1, [1]],
      ]);
      expect(taken(await named(log).send('t', cuts, PATIENCE_MS))).toEqual([0, 0]);
      const more = await named(log).cut('t', [record('d', 0)], PATIENCE_MS);
      expect(taken(await named(log).send('t', more, PATIENCE_MS))).toEqual([2]);
      expect(await valuesOf(log, 't', 0)).toEqual(['a', 'c', 'd']);
    });

    it('has a batch once that is sent again under its name, from another process too, and when others followed', async () => {
      const { log, again } = await open();
      await log.ensureTopic('t', 1);
      const batches: NamedBatch[] = [];
      for (const value of ['a', 'b', 'c']) {
        const [batch] = await named(log).cut('t', [record(value, 0), record(`${value}2`, 0)], PATIENCE_MS);
        taken(await named(log).send('t', [batch!], PATIENCE_MS));
        batches.push(stored(batch!));
      }
      const other = await again();
      for (const batch of batches) {
        const [outcome] = await named(other).send('t', [batch], PATIENCE_MS);
        expect(outcome).toMatchObject({ kind: 'taken' });
      }
      expect(await valuesOf(log, 't', 0)).toEqual(['a', 'a2', 'b', 'b2', 'c', 'c2']);
    });

    it('takes a batch from another process that the first had named and never sent', async () => {
      const { log, again } = await open();
      await log.ensureTopic('t', 1);
      const [batch] = await named(log).cut('t', [record('a', 0)], PATIENCE_MS);
      const other = await again();
      expect(await named(other).find('t', stored(batch!), PATIENCE_MS)).toBeNull();
      expect(taken(await named(other).send('t', [stored(batch!)], PATIENCE_MS))).toEqual([0]);
      expect(taken(await named(log).send('t', [batch!], PATIENCE_MS))).toEqual([0]);
      expect(await valuesOf(log, 't', 0)).toEqual(['a']);
    });

    it('finds what was taken under a name among what others wrote, and nothing else', async () => {
      const { log, again } = await open();
      await log.ensureTopic('t', 1);
      const other = await again();
      const mine: NamedBatch[] = [];
      for (let n = 0; n < 20; n++) {
        await other.append('t', [record(`other-${n}`, 0)]);
        const [batch] = await named(log).cut('t', [record(`mine-${n}`, 0)], PATIENCE_MS);
        taken(await named(log).send('t', [batch!], PATIENCE_MS));
        mine.push(stored(batch!));
      }
      const values = await valuesOf(log, 't', 0);
      for (const [n, batch] of mine.entries())
        expect(await named(other).find('t', batch, PATIENCE_MS)).toBe(values.indexOf(`mine-${n}`));
      const unknown = { ...mine[0]!, name: { ...mine[0]!.name, firstSequence: 1_000_000 } };
      expect(await named(other).find('t', unknown, PATIENCE_MS)).toBeNull();
    });

    it('refuses a record that no batch can hold before anything is sent', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 1);
      const most = await named(log).recordBytes('t');
      const record = (bytes: number): NewRecord => ({ partition: 0, key: null, value: Buffer.alloc(bytes), headers: [] });
      await expect(named(log).cut('t', [record(most * 2)], PATIENCE_MS)).rejects.toMatchObject({ code: 'KS_LOG' });
      const fits = await named(log).cut('t', [record(most)], PATIENCE_MS);
      expect(taken(await named(log).send('t', fits, PATIENCE_MS))).toEqual([0]);
    });
  });
}
