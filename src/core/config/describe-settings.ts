/** `docs/configuration.md`, from the schema. */
import { allSettings, openEntry, settingTables, type NamedSetting, type Setting } from './settings.js';

const HEAD = `# Configuration

<!-- Written by \`npm run docs\` from src/core/config/config.ts; a test compares them. -->

A project is a folder with a \`keystone.yaml\`; commands find it there or in a parent folder, or take \`--config PATH\`. \`keystone init\` writes one.
\`keystone config show\` lists every setting with its value and where that comes from.

**Which value holds:** \`--set key=value\` > \`KEYSTONE_*\` > the profile or the file > the default. \`--profile NAME\` (or \`KEYSTONE_PROFILE\`) chooses the
profile, \`--config PATH\` (or \`KEYSTONE_CONFIG\`) the file. Relative paths are relative to the project's folder, wherever the command was started.

**Sizes** are bytes or text such as \`512MB\` (10^6) and \`1GiB\` (2^30); **durations** are milliseconds or text such as \`500ms\`, \`5s\`, \`2m\`.

**Secrets** are never written in the file, given in a flag, or printed: a setting that needs one takes \`env:NAME\` or \`file:PATH\`.

An unknown or wrong setting is refused with its line and column (\`KS_CONFIG\`, exit code 4).
`;

/** The whole page, ending in a line end. */
export function describeSettings(): string {
  const settings = allSettings();
  const tables = settingTables().map(openEntry);
  const table = (scope: Setting['scope']): string =>
    [
      '| setting | default | variable | |',
      '|---|---|---|---|',
      ...settings.filter((setting) => setting.scope === scope).map(row),
    ].join('\n');
  return `${HEAD}
## The project

${table('project')}

### Tables

Their entries are named by the project, and are settings like the others; only variables have no names for them. A bearer token has at
least 16 characters, and no blanks.

| setting | |
|---|---|
${tables.map(({ path, description }) => `| \`${path}\`: \`env:NAME\` or \`file:PATH\` | ${description} |`).join('\n')}

\`\`\`yaml
ingest:
  tokens:
    shop-a: env:SHOP_A_TOKEN # keystone ingest send --token env:SHOP_A_TOKEN
    shop-b: file:/run/secrets/shop-b
\`\`\`

Or for one command: \`--set ingest.tokens.shop-a=env:SHOP_A_TOKEN\`.

## Each profile (below \`profiles.<name>\`)

With \`--set\` and in the environment they are named without the profile and hold for the one in use: \`--set log.path=/data/log.db\`.

${table('profile')}
`;
}

const row = ({ path, defaultText, variable, description }: NamedSetting): string =>
  `| \`${path}\` | ${defaultText === '' ? '' : `\`${defaultText}\``} | \`${variable}\` | ${description.replaceAll('|', '\\|')} |`;
