/** What is wrong with a configuration file, each at its line and column. */
import type { z } from 'zod';
import type { YamlPosition, YamlSource } from '../contract/yaml-source.js';
import { KeystoneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
import { keystoneConfig, profileConfig } from './config.js';

/** Problems of the file as `path:line:column: setting: what is wrong`. */
export function describeIssues(configPath: string, source: YamlSource, issues: readonly z.core.$ZodIssue[]): readonly string[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
    const at = ({ line, column }: YamlPosition, text: string): string => `${configPath}:${line}:${column}: ${text}`;
    if (issue.code !== 'unrecognized_keys')
      return [at(source.positionOf(path), `${path.join('.') || 'the file'}: ${issueText(issue)}`)];
    const known = knownKeys(path);
    return issue.keys.map((key) => {
      const near = nearestName(key, known);
      const hint = near === undefined ? `; known here: ${known.join(', ')}` : `; did you mean "${near}"?`;
      return at(source.keyPositionOf([...path, key]), `unknown setting "${[...path, key].join('.')}"${hint}`);
    });
  });
}

/** What a value's schema says against it. */
export function issueText(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_union') return issue.message;
  const reasons = new Set(issue.errors.flat().map((nested) => nested.message.replace(/^Invalid input: /, '')));
  return reasons.size === 0 ? issue.message : [...reasons].join(', or ');
}

/** KS_CONFIG with the first problem in the message and all of them in `details.problems`. */
export function configError(problems: readonly string[], cause?: unknown): KeystoneError {
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more, see --json)` : '';
  return new KeystoneError('KS_CONFIG', `${problems[0] ?? 'the configuration is invalid'}${more}`, {
    hint: 'correct the setting; docs/configuration.md lists all of them',
    details: { problems },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Names that the schema knows under a path; a profile's name counts as any. */
function knownKeys(path: readonly (string | number)[]): readonly string[] {
  const inProfile = path[0] === 'profiles' && path.length >= 2;
  let schema: unknown = inProfile ? profileConfig : keystoneConfig;
  for (const step of inProfile ? path.slice(2) : path) schema = shapeOf(schema)?.[step];
  return Object.keys(shapeOf(schema) ?? {});
}

function shapeOf(schema: unknown): Readonly<Record<string | number, unknown>> | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  if ('shape' in schema) return schema.shape as Readonly<Record<string, unknown>>;
  return 'unwrap' in schema && typeof schema.unwrap === 'function' ? shapeOf(schema.unwrap()) : undefined;
}
