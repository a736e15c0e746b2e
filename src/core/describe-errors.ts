/** `docs/errors.md`, from the error table. */
import { ERROR_CODES } from './errors.js';

const HEAD = `# Errors and exit codes

<!-- Written by \`npm run docs\` from src/core/errors.ts; a test compares them. -->

An error names the thing, its cause and the next command: on standard error for people, as \`{"error":{"code","message","hint","causes","details"}}\` on standard output
under \`--json\`. The exit code is the same in both. \`--verbose\` adds the stack.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | unexpected: a defect |
| 2 | wrong usage |
| 3 | data failed checks, or the account does not close |
| 4 | configuration or credentials |
| 5 | something that is needed is unreachable, or its circuit is open |
| 6 | interrupted with work left; the same command goes on |
| 127 | no such command |
| 130, 143 | stopped by SIGINT, SIGTERM before the command could stop in good order |
`;

/** The whole page, ending in a line end. */
export function describeErrors(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { exitCode, meaning }]) => `| \`${code}\` | ${exitCode} | ${meaning.replaceAll('|', '\\|')} |`,
  );
  return `${HEAD}
| code | exit code | meaning |
|---|---|---|
${rows.join('\n')}
`;
}
