import path from 'node:path';
import { Args, Flags } from '@oclif/core';
import { quoted } from '../cli/command-line.js';
import { KeystoneCommand, type JsonResult } from '../cli/keystone-command.js';

export default class Init extends KeystoneCommand {
  static override summary = 'Make a project: configuration, contracts, models';
  static override description =
    'Writes keystone.yaml, contracts/ and models/. Files that are there and differ are not touched without --force.';
  static override examples = ['<%= config.bin %> init', '<%= config.bin %> init shop', '<%= config.bin %> init shop --dry-run'];
  static override args = { dir: Args.string({ description: 'Folder of the project, made when absent', default: '.' }) };
  static override flags = {
    force: Flags.boolean({ description: 'Overwrite files that differ' }),
    'dry-run': Flags.boolean({ description: 'Only say what would be written' }),
  };

  async run(): Promise<JsonResult> {
    const { args, flags } = await this.parse(Init);
    const { initProject } = await import('../core/init/init-project.js');
    const made = await initProject({ dir: path.resolve(args.dir), force: flags.force, dryRun: flags['dry-run'] });
    this.printRows(made.files, ['path', 'action']);
    const written = made.files.filter((file) => file.action !== 'unchanged').length;
    this.done(`${made.dryRun ? 'Would write' : 'Done.'} ${written} files in ${made.dir}.`);
    if (!made.dryRun) {
      const enter = args.dir === '.' ? '' : `cd ${quoted(args.dir)}, then: `;
      this.done(
        `Next: ${enter}keystone doctor, keystone ingest csv PATH, keystone consume run --until-caught-up, keystone pipeline run`,
      );
    }
    return made;
  }
}
