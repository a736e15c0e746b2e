/** The public surface of the command line, commands with their flags and arguments, as the committed snapshot pins it. */
import type { Config } from '@oclif/core';

export interface SurfaceCommand {
  readonly command: string;
  /** In order; those in brackets may be absent. */
  readonly args: readonly string[];
  /** Own flags, e.g. `--dry-run`, `--limit <value>`, `--key <none|business|event-id>`; the global ones are listed once. */
  readonly flags: readonly string[];
}

export interface Surface {
  readonly globalFlags: readonly string[];
  readonly commands: readonly SurfaceCommand[];
}

type Command = Config['commands'][number];
type Flag = Command['flags'][string];

export function commandSurface(config: Config): Surface {
  const commands = config.commands.filter((command) => command.hidden !== true).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const isGlobal = (flag: Flag): boolean => flag.helpGroup === 'GLOBAL';
  const flagsOf = (command: Command, global: boolean): readonly string[] =>
    Object.values(command.flags)
      .filter((flag) => isGlobal(flag) === global)
      .map(flagText)
      .toSorted();
  return {
    globalFlags: [...new Set(commands.flatMap((command) => flagsOf(command, true)))].toSorted(),
    commands: commands.map((command) => ({
      command: command.id.replaceAll(':', ' '),
      args: Object.values(command.args).map(({ name, required }) => (required === true ? name : `[${name}]`)),
      flags: flagsOf(command, false),
    })),
  };
}

function flagText(flag: Flag): string {
  const name = `${flag.char === undefined ? '' : `-${flag.char}, `}--${flag.name}`;
  if (flag.type === 'boolean') return flag.allowNo === true ? `${name}, --no-${flag.name}` : name;
  const value = flag.options === undefined ? 'value' : flag.options.join('|');
  return `${name} <${value}>${flag.multiple === true ? '…' : ''}${flag.required === true ? ' (required)' : ''}`;
}
