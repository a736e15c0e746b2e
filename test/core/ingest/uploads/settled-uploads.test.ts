import { describe, expect, it } from 'vitest';
import { createSettledUploads } from '../../../../src/core/ingest/uploads/settled-uploads.js';
import type { Upload } from '../../../../src/core/ingest/uploads/upload-folder.js';

const upload = (name: string, state: string): Upload => ({ name, path: `/up/${name}`, sizeBytes: 1, modifiedMs: 0, state });
const names = (uploads: readonly Upload[]): readonly string[] => uploads.map(({ name }) => name);

describe('uploads settle', () => {
  it('when they stood still for the time, not before', () => {
    const settled = createSettledUploads(1000);
    expect(names(settled.look([upload('a', '1')], 0))).toEqual([]);
    expect(names(settled.look([upload('a', '1')], 500))).toEqual([]);
    expect(names(settled.look([upload('a', '1')], 500))).toEqual(['a']);
  });

  it('anew after each change, and after they were gone', () => {
    const settled = createSettledUploads(1000);
    settled.look([upload('a', '1')], 0);
    settled.look([upload('a', '1')], 900);
    expect(names(settled.look([upload('a', '2')], 900))).toEqual([]);
    settled.look([], 900);
    expect(names(settled.look([upload('a', '2')], 900))).toEqual([]);
    expect(names(settled.look([upload('a', '2')], 1000))).toEqual(['a']);
  });

  it('at once without a settle time', () => {
    expect(names(createSettledUploads(0).look([upload('a', '1')], 0))).toEqual(['a']);
  });
});
