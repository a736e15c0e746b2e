import { describe, expect, it } from 'vitest';
import { nothingFound } from '../../../src/core/trace/nothing-found.js';
import type { TableState } from '../../../src/core/table/table-api.js';

const view = {
  topic: 't',
  bounds: [{ partition: 0, startOffset: 10, endOffset: 50 }],
  isOther: false,
  landedNext: () => 40,
  away: null,
};
const bronze = {
  nextOffsets: new Map([['t', new Map([[0, 40]])]]),
  holes: [{ topic: 't', partition: 0, from: 20, toExclusive: 25 }],
  losses: [],
} as unknown as TableState;
const target = (offset: number) =>
  ({ kind: 'event', reference: `t/0/${offset}`, place: { topic: 't', partition: 0, offset }, dataset: null }) as const;
const search = { view, bronze, datasets: [], notSearched: 0, problems: [] };

describe('a fruitless search', () => {
  it('tells a hole from a missing event, an expired one, and the end of the log', () => {
    expect(nothingFound({ ...search, target: target(22) }).message).toBe(
      't/0/22 lies in a hole: the log never gave out the offsets 20 to 24, no event is missing',
    );
    expect(nothingFound({ ...search, target: target(25) })).toMatchObject({
      message: 't/0/25 was passed by the lake and bronze does not hold it',
      hint: 'keystone ledger verify --deep names what is missing',
    });
    expect(nothingFound({ ...search, target: target(3) }).message).toContain('has expired in the log (it begins at 10)');
    expect(nothingFound({ ...search, target: target(50) }).message).toBe('t/0 ends before offset 50');
  });

  it('tells what expired unread, before somebody gave it up and after', () => {
    const truncated = { ...view, bounds: [{ partition: 0, startOffset: 45, endOffset: 50 }] };
    expect(nothingFound({ ...search, view: truncated, target: target(42) })).toMatchObject({
      message: 't/0/42 has expired in the log (it begins at 45), and the lake, which needs 40 next, never landed it',
      hint: expect.stringContaining('keystone consume accept-loss --dry-run'),
    });
    const lost = { topic: 't', partition: 0, from: 40, toExclusive: 45 };
    const loss = { acceptedAtMs: Date.parse('2026-11-20T03:00:00Z'), by: 'ada@night', reason: 'INC-7', offsets: [lost] };
    const accepted = { ...bronze, holes: [...bronze.holes, lost], losses: [loss] };
    const found = (offset: number) => nothingFound({ ...search, view: truncated, bronze: accepted, target: target(offset) });
    expect(found(44)).toMatchObject({
      code: 'KS_NOT_FOUND',
      message:
        't/0/44 expired in the log before it was landed; the loss was accepted 2026-11-20T03:00:00.000Z by ada@night: INC-7',
    });
    expect(found(22).message).toContain('lies in a hole');
    const neighbours = [15, 25].map((from) => ({ ...lost, from, toExclusive: from + 5 }));
    const joined = {
      ...accepted,
      holes: [{ ...lost, from: 15, toExclusive: 30 }],
      losses: [{ ...loss, offsets: neighbours }],
    };
    expect(nothingFound({ ...search, bronze: joined, target: target(22) }).message).toContain('the offsets 20 to 24,');
  });

  it('says how much was not searched, and that nothing was landed yet', () => {
    const id = { kind: 'event', reference: 'x', place: null, dataset: null } as const;
    expect(nothingFound({ ...search, target: id, notSearched: 7 })).toMatchObject({
      message: expect.stringContaining('7 more wait in the log'),
      hint: expect.stringContaining('--deep'),
    });
    expect(nothingFound({ ...search, target: id, bronze: null }).message).toContain('nothing was landed yet');
  });
});
