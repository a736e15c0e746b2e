/** What the command line answers to a command that does not exist: exit code 127 and the nearest one. */
import { Errors, type Hook } from '@oclif/core';
import { KeystoneError } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { commandLog } from './command-log.js';
import { failureJson, failureOf, renderFailure } from './failure.js';
import { jsonText } from './json-text.js';
import { logChoice } from './log-choice.js';
import { coloured } from './terminal.js';

/** As shells do. */
const NO_SUCH_COMMAND = 127;

export const commandNotFound: Hook<'command_not_found'> = async function commandNotFound({ id, argv, config }) {
  const bin = config.bin;
  const given = id.replaceAll(':', ' ');
  const names = [...config.commands, ...config.topics]
    .filter(({ hidden }) => hidden !== true)
    .map((named) => ('id' in named ? named.id : named.name));
  const known = names.map((name) => name.replaceAll(':', ' '));
  const near = nearestName(given, known);
  const error = new KeystoneError('KS_USAGE', `there is no command "${bin} ${given}"`, {
    hint:
      near === undefined ? `${bin} --help lists the commands` : `did you mean "${bin} ${near}"? ${bin} --help lists the commands`,
  });
  const failure = failureOf(error, [], bin);
  if (argv?.includes('--json') === true) process.stdout.write(`${jsonText({ error: failureJson(failure) }, 2)}\n`);
  const log = commandLog({
    facts: { command: given },
    verbose: false,
    nowMs: () => Date.now(),
    write: (text) => process.stderr.write(text),
  });
  await log.configure(logChoice(argv ?? [], process.env), {});
  if (log.isJson() || argv?.includes('--json') !== true) {
    log.fail(failure, renderFailure(failure, { colour: coloured(process.stderr), verbose: false }).trimEnd());
  }
  throw new Errors.ExitError(NO_SUCH_COMMAND);
};
