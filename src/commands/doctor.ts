import { counted } from '../cli/counted.js';
import { KeystoneCommand, listFlags, type JsonResult } from '../cli/keystone-command.js';

export default class Doctor extends KeystoneCommand {
  static override summary = 'Check this machine and the project, and say what to do';
  static override description =
    'Tries what Keystone rests on (fsync, hard links, free space, the ingest port, clocks) and reads the configuration, contracts, models, log and tables. It changes nothing. Exit code 4 or 5 when something failed.';
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --filter status!=ok'];
  static override flags = { ...listFlags };

  async run(): Promise<JsonResult> {
    await this.parse(Doctor);
    const { runDoctor } = await import('../core/doctor/run-doctor.js');
    const report = await runDoctor({
      effects: this.effects(),
      nodeVersion: process.version,
      env: process.env,
      project: () => this.project(),
    });
    this.printRows(report.checks, ['check', 'status', 'found', 'fix']);
    const count = (status: string): number => report.checks.filter((check) => check.status === status).length;
    this.done(
      `Done. ${counted(report.checks.length, 'check')}: ${count('ok')} ok, ${counted(count('warning'), 'warning')}, ${count('failed')} failed.`,
    );
    this.endWith(report.exitCode);
    return report;
  }
}
