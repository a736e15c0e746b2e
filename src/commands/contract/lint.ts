import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { ContractLint as Lint } from '../../core/contract/lint-contracts.js';

export default class ContractLint extends KeystoneCommand {
  static override summary = 'Check every contract file and say what is wrong, line by line';
  static override description =
    'Errors (a file that cannot be used) end with exit code 4. Advice (no owner, no description, a key column that is not required) does not.';
  static override examples = ['<%= config.bin %> contract lint', '<%= config.bin %> contract lint --output json'];
  static override flags = { ...listFlags };

  async run(): Promise<Lint> {
    await this.parse(ContractLint);
    const { contracts } = await this.project();
    const [{ lintContracts }, { contractError }] = await Promise.all([
      import('../../core/contract/lint-contracts.js'),
      import('../../core/contract/contract-problem.js'),
    ]);
    const lint = await lintContracts(contracts);
    if (lint.problems.length > 0) this.printRows(lint.problems, ['level', 'path', 'line', 'column', 'message']);
    if (lint.errors > 0) throw contractError(lint.problems);
    this.done(`Done. ${counted(lint.files, 'contract')} without errors; advice: ${lint.advice}`);
    return lint;
  }
}
