import { streamChat, user } from '../../harness/chat.ts';
import { endingOf } from '../../harness/ending.ts';
import { eightPrompts } from '../../harness/prompts.ts';

/** Between two pieces of one answer. */
export type Gap = { endMs: number; ms: number };
export type Answer = { prompt: number; text: string; ok: boolean; why: string };

/** Eight clients, each of which asks its own question again as soon as it has its answer. */
export class EightStreams {
  readonly gaps: Gap[] = [];
  readonly answers: Answer[] = [];
  readonly #url: string;
  readonly #tokensMax: number;
  #goes = true;
  #working: Promise<void>[] = [];

  constructor(url: string, tokensMax: number) {
    this.#url = url;
    this.#tokensMax = tokensMax;
  }

  start(): void {
    this.#working = eightPrompts.map(async (_, prompt) => {
      while (this.#goes) this.answers.push(await this.ask(prompt));
    });
  }

  async stop(): Promise<void> {
    this.#goes = false;
    await Promise.all(this.#working);
  }

  async ask(prompt: number): Promise<Answer> {
    const messages = [user(eightPrompts[prompt] ?? '')];
    const body = { model: 'auto', messages, temperature: 0, max_tokens: this.#tokensMax };
    let lastMs: number | undefined;
    const onText = (): void => {
      const nowMs = performance.now();
      if (lastMs !== undefined) this.gaps.push({ endMs: nowMs, ms: nowMs - lastMs });
      lastMs = nowMs;
    };
    const { ending, text, why } = await endingOf(streamChat(this.#url, body, undefined, onText));
    return { prompt, text, ok: ending === 'whole', why };
  }

  /** The longest gap that ended in this time. */
  longestGapMs(fromMs: number, toMs: number): number {
    return this.gaps.reduce((most, { endMs, ms }) => (endMs > fromMs && endMs <= toMs ? Math.max(most, ms) : most), 0);
  }
}
