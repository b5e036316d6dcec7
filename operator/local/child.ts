import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { fromChildSchema, type FromChild, type ToChild } from '@qwenfleet/core/fleet/channel';

export type ChildOptions = {
  /** The program's main.ts, and what follows it. */
  entry: string;
  args: readonly string[];
  /** Where its log goes. */
  logFile: string;
  onMessage: (message: FromChild) => void;
  onExit: (how: { code: number | null; signal: NodeJS.Signals | null }) => void;
};

/** One process of the fleet. It ends by itself when this process does: the channel between them closes. */
export class Child {
  readonly #process: ChildProcess;
  readonly exited: Promise<void>;

  constructor({ entry, args, logFile, onMessage, onExit }: ChildOptions) {
    mkdirSync(path.dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a', 0o600);
    this.#process = fork(entry, args, { stdio: ['ignore', log, log, 'ipc'], execArgv: [] });
    closeSync(log);
    this.#process.on('message', (message) => {
      const parsed = fromChildSchema.safeParse(message);
      if (parsed.success) onMessage(parsed.data);
    });
    this.exited = new Promise((resolve) => {
      const over = (code: number | null, signal: NodeJS.Signals | null): void => {
        resolve();
        onExit({ code, signal });
      };
      this.#process.once('exit', over);
      // A process that could not be started at all has no exit.
      this.#process.once('error', () => {
        if (this.#process.pid === undefined) over(1, null);
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: ToChild): void {
    // A channel that has just closed belongs to a process whose exit is about to be seen.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  /** Asks it to finish what it runs; makes it end when the time is up. */
  async stop(withinMs: number): Promise<void> {
    this.send({ type: 'drain' });
    const timer = setTimeout(() => this.kill(), withinMs);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
