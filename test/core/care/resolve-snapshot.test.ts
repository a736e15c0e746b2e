import { describe, expect, it } from 'vitest';
import { resolveSnapshot } from '../../../src/core/care/resolve-snapshot.js';
import type { Snapshot, TableState } from '../../../src/core/table/table-api.js';

const snapshot = (id: bigint, parentId: bigint | null, time: string): Snapshot => ({
  id,
  parentId,
  sequenceNumber: Number(id),
  timestampMs: Date.parse(time),
  operation: 'append',
  summary: {},
});

const FIRST = snapshot(1n, null, '2026-11-20T08:00:00.000Z');
const SECOND = snapshot(2n, 1n, '2026-11-20T12:30:00.500Z');
/** Left behind by a rollback to SECOND. */
const LEFT = snapshot(3n, 2n, '2026-11-20T13:00:00.000Z');
const CURRENT = snapshot(9_007_199_254_740_993n, 2n, '2026-11-21T00:00:00.000Z');

const stateOf = (snapshots: readonly Snapshot[], currentSnapshot: Snapshot | null): TableState => ({
  metadataLocation: '',
  fields: [],
  partition: [],
  specId: 0,
  properties: {},
  lastUpdatedMs: 0,
  currentSnapshot,
  snapshots,
  nextOffsets: new Map(),
  holes: [],
  losses: [],
  rolledBackFrom: null,
  rollback: null,
});

const STATE = stateOf([FIRST, SECOND, LEFT, CURRENT], CURRENT);
const resolve = (text: string, state = STATE): bigint => resolveSnapshot(state, text, 'silver.orders').id;

describe('the snapshot that a text names', () => {
  it('is any kept one by its id, exact beyond 2^53', () => {
    expect(resolve('1')).toBe(1n);
    expect(resolve('3')).toBe(3n);
    expect(resolve('9007199254740993')).toBe(CURRENT.id);
    expect(() => resolve('9007199254740992')).toThrow(/silver\.orders has no snapshot 9007199254740992, or it has expired/);
  });

  it('is the current one, or its parent', () => {
    expect(resolve('current')).toBe(CURRENT.id);
    expect(resolve('previous')).toBe(2n);
    expect(() => resolve('previous', stateOf([FIRST], FIRST))).toThrow(/keeps no snapshot before its current one/);
  });

  it.each([
    ['2026-11-20T08:00:00Z', 1n],
    ['2026-11-20 12:30:00.499', 1n],
    ['2026-11-20T12:30:00.500', 2n],
    ['2026-11-20T12:30:00.500999Z', 2n],
    ['2026-11-20T09:30:00.500-03:00', 2n],
    ['2026-11-20T12:31', 2n],
    ['2026-11-20T23:59:59', 2n],
    ['2026-11-21', CURRENT.id],
    ['2030-01-01', CURRENT.id],
  ])('is by time the last of the current line at or before it: %s', (text, id) => {
    expect(resolve(text)).toBe(id);
  });

  it('is refused when all kept ones are later', () => {
    expect(() => resolve('2026-11-20')).toThrow(
      expect.objectContaining({
        code: 'KS_NOT_FOUND',
        message:
          'silver.orders keeps no snapshot from 2026-11-20T00:00:00.000Z or before; its oldest is 1 of 2026-11-20T08:00:00.000Z',
        hint: 'keystone table history silver.orders lists the snapshots that are kept.',
      }),
    );
  });

  it.each(['', 'yesterday', '2026-02-30', '2026-11-20T25:00', '-1', '1.5', '2026-13-01', '2026-11-20T10'])(
    'is refused as a wrong use: %j',
    (text) => {
      expect(() => resolve(text)).toThrow(expect.objectContaining({ code: 'KS_USAGE' }));
    },
  );

  it('is none in a table that never was written', () => {
    for (const text of ['current', 'previous', '1', '2026-11-20']) {
      expect(() => resolve(text, stateOf([], null))).toThrow(/silver\.orders has no snapshot yet/);
    }
  });
});
