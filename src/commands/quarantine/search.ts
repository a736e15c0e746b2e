import { Args, Flags } from '@oclif/core';
import { KeystoneCommand, longListFlags } from '../../cli/keystone-command.js';
import { hitCells } from '../../cli/quarantine-text.js';
import { rejectedFilter, rejectedFlags, timeFlag } from '../../cli/rejected-flags.js';
import type { QuarantineSearch as Search } from '../../core/quarantine/search-quarantine.js';

export default class QuarantineSearch extends KeystoneCommand {
  static override summary = 'Search rejected events for a text: payload, reasons, event id, key, source; newest first';
  static override description =
    'Upper and lower case are the same unless --case-sensitive. Shows the first hit of each event in its surroundings. ' +
    'Bytes that are not UTF-8 are searched and shown as \\xHH.';
  static override examples = [
    '<%= config.bin %> quarantine search "Sao Paulo" --dataset customers',
    '<%= config.bin %> quarantine search 47770eb9100c2d0c44946d9cf07ec65d --zone quarantine',
    '<%= config.bin %> quarantine search "price.:-[0-9]+" --regex --since 24h --output ndjson',
  ];
  static override args = { text: Args.string({ required: true, ignoreStdin: true, description: 'The text to search for' }) };
  static override flags = {
    ...longListFlags(50),
    ...rejectedFlags,
    regex: Flags.boolean({ default: false, description: 'The text is a regular expression (RE2)' }),
    'case-sensitive': Flags.boolean({ default: false, description: 'Upper and lower case differ' }),
    time: timeFlag('processed'),
  };

  async run(): Promise<Search> {
    const { args, flags } = await this.parse(QuarantineSearch);
    const lakehouse = await this.lakehouse();
    const { searchQuarantine } = await import('../../core/quarantine/search-quarantine.js');
    const picks = flags.filter !== undefined || flags.sort !== undefined;
    const found = await searchQuarantine(lakehouse, {
      ...rejectedFilter(flags),
      text: args.text,
      regex: flags.regex,
      caseSensitive: flags['case-sensitive'],
      // --filter and --sort work on what was found.
      limit: picks ? 10_000 : (flags.limit ?? 50),
      signal: this.signal,
    });
    const rows = this.isForProgram() ? this.printRows(found.rows) : found.rows;
    if (!this.isForProgram())
      this.printRows(found.rows.map(hitCells), ['origin', 'dataset', 'reasons', 'foundIn', 'hit', 'source', 'processedAt']);
    const first = found.rows[0];
    const next = first ? `; look at one: keystone quarantine show ${first.origin}` : '';
    if (found.total === 0) {
      const { unknownDataset } = await import('../../core/contract/find-contract.js');
      const unknown = unknownDataset(await lakehouse.contracts(), flags.dataset);
      if (unknown !== null) this.addWarning(unknown);
    }
    this.done(`Done. ${found.rows.length} of ${found.total} events hold the text${next}`);
    return { ...found, rows };
  }
}
