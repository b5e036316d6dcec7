import { setTimeout as sleep } from 'node:timers/promises';
import { streamChat, user } from './chat.ts';
import { endingOf } from './ending.ts';

export type Answered = { ok: boolean; revision: string | undefined; text: string; why: string };

const workersCount = 4;
/** Between two requests of a worker: what two cores bear beside a cluster. */
const pauseMs = 60;

/** Workers that ask one streamed question after another until they are told to stop, and what became of each. */
export class SteadyLoad {
  readonly #url: string;
  readonly #model: string;
  #answers: Answered[] = [];
  #working: Promise<void>[] = [];
  #goes = false;

  constructor(url: string, model: string) {
    this.#url = url;
    this.#model = model;
  }

  get answers(): readonly Answered[] {
    return this.#answers;
  }

  start(): void {
    this.#answers = [];
    this.#goes = true;
    this.#working = Array.from({ length: workersCount }, () => this.#work());
  }

  /** Waits for the last answers. Returns all of them since the start, in the order in which they ended. */
  async stop(): Promise<readonly Answered[]> {
    this.#goes = false;
    await Promise.all(this.#working);
    return this.#answers;
  }

  async ask(headers: Record<string, string> = {}): Promise<Answered> {
    const body = { model: this.#model, messages: [user('Hello')], temperature: 0, max_tokens: 32 };
    const answer = streamChat(this.#url, body, undefined, undefined, headers);
    const { ending, why, text } = await endingOf(answer);
    const answered = await answer.catch(() => undefined);
    const revision = answered?.headers.get('x-qwenfleet-revision') ?? undefined;
    return { ok: ending === 'whole', revision, text, why };
  }

  async #work(): Promise<void> {
    while (this.#goes) {
      this.#answers.push(await this.ask());
      await sleep(pauseMs);
    }
  }
}
