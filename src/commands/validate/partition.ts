import { Args, Flags } from '@oclif/core';
import { engineChoice, engineFlag, readBy } from '../../cli/engine-flag.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { CheckResult, ValidationResult } from '../../core/quality/validate-partition.js';

const verdict = (check: CheckResult): string => (check.passed ? 'passed' : check.level === 'error' ? 'FAILED' : 'warning');

export default class ValidatePartition extends KeystoneCommand {
  static override summary = "Run a dataset's checks over one partition";
  static override description =
    'Counts the rows of silver that fail each check of the contract, and the rows that are in quarantine for it. ' +
    'Ends with exit code 3 when an error-level check has failing rows, wherever they lie now; warnings do not fail the command. ' +
    'With --engine athena or trino the service counts, in one scan of the partition; the result is the same.';
  static override examples = [
    '<%= config.bin %> validate partition orders 2017-10-02',
    '<%= config.bin %> validate partition order_items 2017-10 --samples 5',
    '<%= config.bin %> validate partition products all --json',
  ];
  static override args = {
    dataset: Args.string({ required: true, description: 'Dataset, as contract list names it' }),
    partition: Args.string({ required: true, description: 'A day (2017-10-02), a month (2017-10) or all' }),
  };
  static override flags = {
    ...listFlags,
    ...engineFlag,
    force: Flags.boolean({
      default: false,
      description: 'Every check, whatever the level of degradation (degrade status) leaves',
    }),
    samples: Flags.integer({
      min: 0,
      max: 1000,
      default: 3,
      description: 'Failing rows to show for each failing check; 0 shows none',
    }),
  };

  async run(): Promise<ValidationResult> {
    const { args, flags } = await this.parse(ValidatePartition);
    const lakehouse = await this.lakehouseAsking(flags.engine);
    const { validatePartition } = await import('../../core/quality/validate-partition.js');
    const phase = `validate ${args.dataset} ${args.partition}`;
    this.progress({ phase, done: 0, unit: 'bytes' });
    const result = await validatePartition(lakehouse, {
      ...args,
      samples: flags.samples,
      force: flags.force,
      ...engineChoice(flags, lakehouse),
      signal: this.signal,
      onScanned: (done) => this.progress({ phase, done, unit: 'bytes' }),
    });
    this.printRows(
      result.checks.map((check) => ({ ...check, result: verdict(check) })),
      ['name', 'level', 'result', 'checkedRows', 'failingRows', 'inQuarantine'],
    );
    for (const row of result.samples) {
      const values = Object.entries(row.values ?? {}).map(
        ([name, value]) => `${name}=${value === null ? 'null' : JSON.stringify(value)}`,
      );
      const shown = row.zone === 'silver' ? values.join(' ') : `in quarantine: keystone quarantine show ${row.origin}`;
      this.say(`${row.check}  ${row.origin}  ${shown}`);
    }
    const count = (level: 'error' | 'warning'): number =>
      result.checks.filter((check) => !check.passed && check.level === level).length;
    this.done(
      `Done. ${result.dataset} ${result.partition}: ${result.rows} rows and ${result.quarantinedRows} in quarantine, ` +
        `${result.checks.length} checks, ${count('error')} failed, ${count('warning')} with warnings${readBy(result)}`,
    );
    if (result.depth !== 'full')
      this.addWarning(
        `only ${result.depth} checks ran: the level of degradation leaves no more (keystone degrade status); --force runs all`,
      );
    if (!result.passed) this.failChecks();
    return result;
  }
}
