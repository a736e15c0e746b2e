import { Args, Command, Flags } from '@oclif/core';
import { expect, test } from 'vitest';
import { failureOf } from '../../src/cli/failure.js';

class Ask extends Command {
  static override args = { table: Args.string({ required: true, description: 'the table' }) };
  static override flags = {
    to: Flags.string({ required: true }),
    key: Flags.string({ dependsOn: ['rows'] }),
    rows: Flags.boolean(),
    each: Flags.integer({ min: 1, exclusive: ['rows'] }),
    zone: Flags.string({ options: ['error', 'all'] }),
  };
  run = async (): Promise<unknown> => this.parse(Ask);
}

const told = (...argv: readonly string[]): Promise<string> =>
  Ask.run([...argv], process.cwd()).then(
    () => 'taken',
    (error: unknown) => failureOf(error, ['to', 'key', 'rows', 'each', 'zone'], 'keystone ask').message,
  );

test.each([
  [['--to', 'x'], 'TABLE (the table) is missing'],
  [['a', 'b', '--to', 'x'], '"b" is one word too many'],
  [['a'], '--to is missing'],
  [['a', '--to', 'x', '--key', 'k'], '--key works only together with --rows'],
  [['a', '--to', 'x', '--rows', '--each', '2'], '--rows and --each cannot be given together'],
  [['a', '--to', 'x', '--each', 'many'], '--each: "many" is no integer'],
  [['a', '--to', 'x', '--each', '0'], '--each: "0" is no integer greater than or equal to 1'],
  [['a', '--to', 'x', '--zone', 'b'], '--zone: "b" is none of error, all'],
  [['a', '--to'], '--to has no value'],
  [['a', '--to', 'x', '--form', 'y'], 'there is no flag --form'],
  [['a', '--key', 'k'], '--key works only together with --rows; --to is missing'],
  [['a', '--to', 'x'], 'taken'],
])('%j: %s', async (argv, message) => {
  expect(await told(...argv)).toBe(message);
});
