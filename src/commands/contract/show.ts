import { Args } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { ContractDescription } from '../../core/contract/describe-contract.js';

export default class ContractShow extends KeystoneCommand {
  static override summary = "Show a dataset's contract: columns, key, partition, checks";
  static override description =
    'Prints what Keystone reads from the contract file. A check is a condition that every row has to meet; where a value is null, a comparison is unknown and passes.';
  static override examples = ['<%= config.bin %> contract show orders', '<%= config.bin %> contract show orders --json'];
  static override args = { dataset: Args.string({ required: true, description: 'Dataset, as contract list names it' }) };

  async run(): Promise<ContractDescription> {
    const { args, flags } = await this.parse(ContractShow);
    const lakehouse = await this.lakehouse();
    const [{ describeContract }, { findContract }] = await Promise.all([
      import('../../core/contract/describe-contract.js'),
      import('../../core/contract/find-contract.js'),
    ]);
    const contract = describeContract(findContract(await lakehouse.contracts(), args.dataset));
    const facts = [
      `${contract.dataset} ${contract.version}: ${contract.description}`,
      `Owner      ${contract.owner ?? 'nobody'}`,
      `Key        ${contract.key.join(', ') || 'none: each event is a row'}`,
      `Partition  ${contract.partition || 'none'}`,
      `Newest     ${contract.versionColumn ?? 'by log time, partition, offset'}`,
      `File       ${contract.path}`,
    ];
    this.say(`${facts.join('\n')}\n`);
    // One list per document: in a format for programs it is the columns; --output json and --json give everything.
    if (flags.output !== 'json') this.printRows(contract.columns, ['name', 'type', 'required', 'key', 'description']);
    this.say('');
    if (flags.output === 'table') this.printRows(contract.checks, ['name', 'level', 'kind', 'rule']);
    return contract;
  }
}
