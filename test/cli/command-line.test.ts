import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../../src/cli/command-line.js';

describe('a command in a hint', () => {
  it('comes out of a shell as it was typed', () => {
    const argv = ['topic', '--where', 'payload->>\'a\' = "$b" \\ `c`', '--to-topic', 'x y', '', '--resume', 'a=b:c/d.e@f'];
    const line = commandLine('printf "%s\\0"', argv, ['--resume']);
    const { stdout } = spawnSync('sh', ['-c', line]);
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(argv.filter((word) => word !== '--resume'));
  });
});
