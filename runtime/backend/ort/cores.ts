import { availableParallelism } from 'node:os';

/** A run that hangs holds up each of the others for so long, and no longer. */
const waitMsMax = 5_000;

type Waiting = { threads: number; start: () => void };

/**
 * Cores that the runs of all models of a process share, first come, first served. Two runs with more threads than there are
 * cores wait for each other inside of every operator, and take many times as long as one after the other.
 */
export class Cores {
  readonly #count: number;
  #free: number;
  readonly #waiting: Waiting[] = [];

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** Runs when there is a core for each of its threads, or all are free. */
  async use<T>(threads: number, run: () => Promise<T>): Promise<T> {
    const taken = Math.min(threads, this.#count);
    if (this.#waiting.length > 0 || this.#free < taken) await this.#turn(taken);
    else this.#free -= taken;
    try {
      return await run();
    } finally {
      this.#free += taken;
      for (let next = this.#waiting[0]; next && next.threads <= this.#free; next = this.#waiting[0]) next.start();
    }
  }

  #turn(threads: number): Promise<void> {
    return new Promise((resolve) => {
      const start = (): void => {
        clearTimeout(late);
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        // At once: who comes before this one goes on must not find them free.
        this.#free -= threads;
        resolve();
      };
      const late = setTimeout(start, waitMsMax);
      const waiting: Waiting = { threads, start };
      this.#waiting.push(waiting);
    });
  }
}

/** Of this process. */
export const cores = new Cores(availableParallelism());
