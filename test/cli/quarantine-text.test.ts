import { describe, expect, it } from 'vitest';
import { hitCells, sampleText, shareText, statsCells } from '../../src/cli/quarantine-text.js';
import type { RejectedHit } from '../../src/core/quarantine/search-quarantine.js';

describe('rejected events as text', () => {
  it('draws a trend by its highest slice', () => {
    const row = { events: 5, share: null, firstSeen: '', lastSeen: '', trend: [0, 1, 4, 8] };
    expect(statsCells(row)).toMatchObject({ trend: '| ▁▄█|', share: '' });
  });

  it('says a share in per cent, and never that something is nothing', () => {
    expect([0, 0.25, 0.000001, null].map(shareText)).toEqual(['0.00 %', '25.00 %', '<0.01 %', '']);
  });

  it('lets no control character of a payload through', () => {
    const hit = { before: 'a\u001b[2J', hit: 'x\n', after: '\u0007', foundIn: ['payload'] } as unknown as RejectedHit;
    expect(hitCells(hit)).toMatchObject({ hit: String.raw`a\u001b[2J«x\n»\u0007`, foundIn: 'payload' });
    expect(sampleText({ origin: 't/0/1', eventId: '', source: '', csvLine: 3, payload: '\u001b]0;', payloadBytes: 4 })).toBe(
      String.raw`t/0/1 (4 bytes, CSV line 3): \u001b]0;`,
    );
  });
});
