import { counted } from '../../cli/counted.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { ContractSummary } from '../../core/contract/describe-contract.js';

export default class ContractList extends KeystoneCommand {
  static override summary = 'List the contracts of the project';
  static override description = 'One row per dataset: its key, its partition, and how many checks of each level it has.';
  static override examples = ['<%= config.bin %> contract list', '<%= config.bin %> contract list --json'];
  static override flags = { ...listFlags };

  async run(): Promise<{ readonly contracts: readonly ContractSummary[] }> {
    await this.parse(ContractList);
    const lakehouse = await this.lakehouse();
    const { summarizeContract } = await import('../../core/contract/describe-contract.js');
    const contracts = [...(await lakehouse.contracts()).values()].map(summarizeContract);
    this.printRows(contracts, ['dataset', 'version', 'owner', 'columns', 'key', 'partition', 'errorChecks', 'warningChecks']);
    this.done(`Done. ${counted(contracts.length, 'contract')} in ${lakehouse.config.contracts}`);
    return { contracts };
  }
}
