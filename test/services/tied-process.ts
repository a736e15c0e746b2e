/** A program that ends with this process, however this process ends; for services that have no reason to outlive their tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';

export interface TiedProgram {
  readonly command: readonly string[];
  /** Working folder, removed when this process ends first. */
  readonly dir: string;
  /** File that takes its output. */
  readonly log: string;
}

/**
 * The program beside a shell that reads a pipe of this process: when this process ends, the pipe ends too, and the shell ends the program
 * and removes the folder. Its first line of output is the program's process id.
 */
export function startTied({ command, dir, log }: TiedProgram): ChildProcess {
  const script =
    'dir=$1; out=$2; shift 2; cd "$dir"; "$@" >>"$out" 2>&1 </dev/null 3<&- & pid=$!; echo $pid; (cat <&3; setsid sh -c "sleep 1; rm -rf $dir" & kill -9 $pid) >/dev/null 2>&1 & wait $pid; kill -9 0';
  const child = spawn('/bin/sh', ['-c', script, 'sh', dir, log, ...command], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    detached: true,
  });
  // Held open, never written.
  (child.stdio[3] as Writable).on('error', () => undefined);
  return child;
}
