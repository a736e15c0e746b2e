/** How a command logs before its configuration is read: by its own words and the environment. */
import type { ResolvedConfig } from '../core/config/config.js';
import { LOG_LEVELS, type LogLevel } from '../core/logging/log-level.js';
import { wordsOf } from './command-words.js';

export type LogChoice = ResolvedConfig['logging'];

/** The value of a flag that was given as `--name value` or `--name=value`; the last one. */
function given(argv: readonly string[], flag: string): string | undefined {
  const words = wordsOf(argv);
  let value: string | undefined;
  words.forEach((word, at) => {
    if (word === flag) value = words[at + 1];
    if (word.startsWith(`${flag}=`)) value = word.slice(flag.length + 1);
  });
  return value;
}

const levelOf = (text: string | undefined): LogLevel | undefined => LOG_LEVELS.find((level) => level === text);

/** What is wrong with a value is told when flags and configuration are read; until then the default holds. */
export function logChoice(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): LogChoice {
  const format = given(argv, '--log-format') ?? env['KEYSTONE_LOGGING_FORMAT'];
  const level = levelOf(given(argv, '--log-level')) ?? levelOf(env['KEYSTONE_LOGGING_LEVEL']) ?? 'info';
  return { format: format === 'json' ? 'json' : 'text', level };
}
