import { spawn, type ChildProcess } from 'node:child_process';
import { root } from '../house/imports.ts';
import { eventually } from './fleet.ts';

export type ReadyProcess = {
  process: ChildProcess;
  /** Its log so far, of a long one the end. */
  log: () => string;
  /** Its exit code, once it has ended. */
  exited: Promise<number | null>;
  /** Sends the signal and waits for the end. */
  end: (signal: NodeJS.Signals) => Promise<number | null>;
};

const logCharactersMax = 200_000;

/**
 * Runs Node with these arguments as a process of this machine, in the root of the house unless told otherwise, and waits
 * until it is ready at `url`. Throws with its log when it ends before that; one that takes too long is killed.
 */
export async function startReady(
  args: readonly string[],
  url: string,
  { env, folder = root }: { env: NodeJS.ProcessEnv; folder?: string },
): Promise<ReadyProcess> {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-logCharactersMax)));
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  const ready = (): Promise<boolean> =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  const isUp = async (): Promise<boolean> => (child.exitCode === null ? ready() : Promise.reject(new Error(said)));
  await eventually(isUp, Boolean, 60_000).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  return { process: child, log: () => said, exited, end };
}
