import { Args, Flags } from '@oclif/core';
import { KeystoneCommand } from '../cli/keystone-command.js';
import { wrapText } from '../cli/wrap-text.js';
import type { Trace as Result } from '../core/trace/run-trace.js';

export default class Trace extends KeystoneCommand {
  static override summary = 'Follow one event, or all events of a business key, from the door to gold';
  static override description =
    'Prints every hop with its time: who sent it, its place in the log (or in the spool of this machine, before the log has it), the bronze and silver files and rows that hold it, its verdict (current, ' +
    'superseded, duplicate, quarantined, error, pending), the versions that it superseded, and the gold rows that it feeds. ' +
    'An id that came several times, or in several datasets, is given with all its events.';
  static override examples = [
    '<%= config.bin %> trace 018f3c1e-7b7a-7000-8000-000000000001',
    '<%= config.bin %> trace olist-enterprise-events/3/1042 --json',
    '<%= config.bin %> trace --key e481f51cbdc54678b7cc49136f2d6af7 --dataset orders',
    "<%= config.bin %> trace --dataset order_items --key 'order_id=e481f51cbdc54678b7cc49136f2d6af7,order_item_id=1'",
  ];
  static override args = { event: Args.string({ description: 'an event id, or topic/partition/offset' }) };
  static override flags = {
    key: Flags.string({
      char: 'k',
      description: 'All events of this business key: its text, a JSON array for several columns, or column=text,column=text',
    }),
    dataset: Flags.string({ char: 'd', description: 'Only events of this dataset' }),
    deep: Flags.boolean({ default: false, description: 'Also search large gold tables, and all events that wait in the log' }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(Trace);
    const { runTrace } = await import('../core/trace/run-trace.js');
    const { traceTarget } = await import('../core/trace/trace-target.js');
    const asked = {
      ...(args.event === undefined ? {} : { event: args.event }),
      ...(flags.key === undefined ? {} : { key: flags.key }),
      ...(flags.dataset === undefined ? {} : { dataset: flags.dataset }),
    };
    traceTarget(asked); // wrong use is told before the lake is opened
    const trace = await runTrace(await this.lakehouse(), { ...asked, deep: flags.deep, onProgress: this.progress });
    const { describeTrace, nextCommand } = await import('../core/trace/describe-trace.js');
    const text = describeTrace(trace);
    const { columns } = process.stdout;
    // Standard output has a width on a terminal only: what is piped stays one line for each hop.
    if (flags.output === 'table') this.say(process.stdout.isTTY ? wrapText(text, columns) : text);
    else if (flags.output !== 'json') this.printRows(trace.events);
    for (const warning of trace.warnings) this.addWarning(warning);
    if (trace.notSearched > 0) this.addWarning(`${trace.notSearched} events wait in the log and were not searched; --deep does.`);
    if (trace.total > trace.events.length) this.addWarning(`${trace.events.length} of ${trace.total} events are shown.`);
    const next = nextCommand(trace);
    this.done(`Done. ${trace.total} ${trace.total === 1 ? 'event' : 'events'}${next === null ? '' : `; go on with: ${next}`}`);
    return trace;
  }
}
