/** Runs one of the Python scripts beside this file: a JSON request on its standard input, a JSON answer on its standard output. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';

/** Null where the peers cannot run. */
export const peerPython = inject('peerPython');

/** `python`: another than the peers' own. @throws Error with the script's standard error when it does not end well. */
export async function askPython<Answer>(script: `${string}.py`, request: object, python = peerPython): Promise<Answer> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(python ?? '', [file], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // The scripts share modules, and a checkout should hold no compiled ones.
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => undefined); // it ended early: its exit code tells
  child.stdin.end(JSON.stringify(request));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${script} ended with ${code}\n${stderr.slice(-6000)}`);
  return JSON.parse(stdout) as Answer;
}
