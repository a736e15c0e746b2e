import { KeystoneCommand, shapedListFlags, type JsonResult } from '../../cli/keystone-command.js';

export default class ConfigShow extends KeystoneCommand {
  static override summary = 'Show every setting, its value and where the value comes from';
  static override description =
    'A value given by --set wins over KEYSTONE_*, that over the profile or file, that over the default. Secrets appear as references only.';
  static override examples = [
    '<%= config.bin %> config show',
    '<%= config.bin %> config show --filter origin!=default',
    'KEYSTONE_INGEST_PORT=50052 <%= config.bin %> config show --filter setting~ingest',
  ];
  static override flags = { ...shapedListFlags };

  async run(): Promise<JsonResult> {
    await this.parse(ConfigShow);
    const loaded = await this.loadedProject();
    const { showConfig } = await import('../../core/config/show-config.js');
    const settings = this.printRows(showConfig(loaded), ['setting', 'value', 'origin']);
    const { configPath, profileName } = loaded.config;
    this.done(`Done. ${settings.length} settings of ${configPath}, profile ${profileName}.`);
    return { configPath, profile: profileName, settings };
  }
}
