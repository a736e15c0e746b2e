import { Flags } from '@oclif/core';
import { readBy } from '../../cli/engine-flag.js';
import { KeystoneCommand, listFlags } from '../../cli/keystone-command.js';
import type { PipelinePlan, PipelineRun as Run } from '../../core/pipeline.js';

export default class PipelineRun extends KeystoneCommand {
  static override summary = 'Validate what landed in silver since the last run, then bring gold up to date';
  static override description =
    'Rows that fail an error-level check are already in quarantine and gold is built on what passed; the run then ends with exit code 3.';
  static override examples = ['<%= config.bin %> pipeline run', '<%= config.bin %> pipeline run --dry-run --json'];
  static override flags = {
    ...listFlags,
    full: Flags.boolean({ description: 'Validate everything and rebuild gold whole, whatever changed' }),
    force: Flags.boolean({
      default: false,
      description: 'Also where the level of degradation (degrade status) does not allow it',
    }),
    'dry-run': Flags.boolean({ description: 'Say what would be validated and built, and change nothing' }),
  };

  async run(): Promise<Run | PipelinePlan> {
    const { flags } = await this.parse(PipelineRun);
    const lakehouse = await this.lakehouse();
    const { planPipeline, runPipeline } = await import('../../core/pipeline.js');
    const options = { full: flags.full, force: flags.force, signal: this.signal, onProgress: this.progress };
    if (flags['dry-run']) {
      const plan = await planPipeline(lakehouse, options);
      const models = plan.gold.models.filter((model) => model.action !== 'none');
      this.printRows(
        [
          ...plan.landed.map(({ dataset, partitions }) => ({ step: 'validate', what: dataset, partitions })),
          ...models.map(({ model, partitions }) => ({ step: 'build', what: model, partitions })),
        ],
        ['step', 'what', 'partitions'],
      );
      this.done(`Dry run. ${plan.landed.length} datasets would be validated, ${models.length} models built`);
      return plan;
    }
    const run = await runPipeline(lakehouse, options);
    this.printRows(
      run.validated.map((result) => ({
        ...result,
        verdict: result.passed ? 'passed' : 'failed',
        failing: result.failedChecks.map(
          ({ name, level, failingRows }) => `${name} ${failingRows}${level === 'error' ? '' : ` (${level})`}`,
        ),
      })),
      ['dataset', 'partition', 'rows', 'quarantinedRows', 'verdict', 'failing'],
    );
    const failed = run.validated.filter((result) => !result.passed);
    for (const { dataset, partition, quarantinedRows } of failed) {
      this.addWarning(
        `${dataset} ${partition} failed its error-level checks; ${quarantinedRows} rows are in quarantine and gold was built on the rest: keystone validate partition ${dataset} ${partition}`,
      );
    }
    const [partial] = run.validated.filter(({ depth }) => depth !== 'full');
    if (partial)
      this.addWarning(
        `only ${partial.depth} checks ran (keystone degrade status); a later run validates the same partitions whole`,
      );
    if (!run.passed) this.failChecks();
    const built = run.gold.models.filter((model) => model.filesAdded + model.filesRemoved > 0).length;
    this.done(
      `Done. ${run.validated.length} validations: ${run.validated.length - failed.length} passed, ${failed.length} failed; ${run.gold.models.length} gold models: ${built} written${readBy(run)}, in ${(run.elapsedMs / 1000).toFixed(1)} s${built > 0 ? '. Next: keystone gold insight growth' : ''}`,
    );
    return run;
  }
}
