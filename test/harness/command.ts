import { spawn } from 'node:child_process';

export type Outcome = { code: number; stdout: string; stderr: string };
export type CommandOptions = {
  input?: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** After that it is killed, and its code is 124, as with timeout(1). */
  timeoutMs?: number;
};

const timeoutMsDefault = 120_000;

/** Runs a program to its end. A code other than 0 is an answer, not an error; throws only when there is no such program. */
export function command(file: string, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said.stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said.stderr += chunk));
    // A program that reads no input may be gone before it is written.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? timeoutMsDefault);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: late ? 124 : (code ?? 1), ...said });
    });
  });
}
