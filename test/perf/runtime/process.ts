import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { root } from '../../house/imports.ts';
import type { Answer, ContenderSettings, Question } from './contenders/contender.ts';

export const contenderNames = ['qwenfleet', 'llama'] as const;
export type ContenderName = (typeof contenderNames)[number];

/** An engine in a process of its own, so that none has the other's threads or memory in its way. */
export class ContenderProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when its model is in memory. */
  static async open(name: ContenderName, settings: ContenderSettings): Promise<ContenderProcess> {
    const opened = new ContenderProcess(spawned(name, settings));
    try {
      await opened.#answer();
    } catch (error) {
      opened.close();
      throw error;
    }
    return opened;
  }

  /** Milliseconds of what was asked for. Throws when the process ends, or says that it failed. */
  async ask(question: Question): Promise<number[]> {
    this.#child.send(question);
    const answer = await this.#answer();
    if (!('ms' in answer)) throw new Error('no milliseconds');
    return answer.ms;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #answer(): Promise<Answer> {
    return answerOf(this.#child);
  }
}

/** From the start of a process to the first token after a short prompt, with files in the page cache. Milliseconds. */
export async function firstTokenMs(name: ContenderName, settings: ContenderSettings): Promise<number> {
  const startedMs = performance.now();
  const child = spawned(name, { ...settings, batchMax: 0 }, 'first');
  try {
    await answerOf(child);
    return performance.now() - startedMs;
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

function spawned(name: ContenderName, settings: ContenderSettings, ...args: string[]): ChildProcess {
  const file = path.join(root, `test/perf/runtime/contenders/${name}.ts`);
  return fork(file, [JSON.stringify(settings), ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

async function answerOf(child: ChildProcess): Promise<Answer> {
  const ended = new AbortController();
  try {
    const answer = await Promise.race([
      once(child, 'message', ended).then(([message]) => message as Answer),
      once(child, 'exit', ended).then(([code, signal]): Answer => ({
        error: `it ended with ${String(code ?? signal)}`,
      })),
    ]);
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  } finally {
    ended.abort();
  }
}
