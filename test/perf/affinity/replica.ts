import { hashText } from '@qwenfleet/router/policy/hash';
import type { ReplicaView } from '@qwenfleet/router/policy/replica';

/** An engine in round numbers: what it computes of prompts in a second, and how long a step of its answers takes. */
const prefillTokensPerSecond = 4_000;
const stepMs = { fixed: 15, each: 1 };
/** Share of a step's time that the prompts computed beside it take from it. */
const interference = 0.8;

/** What a prompt begins with, by a name: the same name is the same text. */
export type Beginning = { name: string; tokens: number };
/** A prompt with all that is known of its beginnings, itself among them, longest first. */
export type Prompt = { tokens: number; beginnings: readonly Beginning[] };
type Running = {
  prefillLeft: number;
  answerLeft: number;
  began: (nowMs: number) => void;
  ended: (nowMs: number) => void;
};

/** A replica that batches: prompts are computed one after another, answers side by side, and the newest prompts are cached. */
export class SimulatedReplica implements ReplicaView {
  readonly hash: number;
  readonly concurrency: number;
  readonly weight = 1;
  askedLast = 0;
  readonly #running = new Set<Running>();
  readonly #cache = new Map<string, number>();
  readonly #cacheTokensMax: number;
  #cachedTokens = 0;

  constructor(name: string, { concurrency, cacheTokensMax }: { concurrency: number; cacheTokensMax: number }) {
    this.hash = hashText(name, 0, name.length);
    this.concurrency = concurrency;
    this.#cacheTokensMax = cacheTokensMax;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** Takes a request; returns how many tokens of its prompt were cached. */
  take(prompt: Prompt, answerTokens: number, then: Pick<Running, 'began' | 'ended'>): number {
    const cached = prompt.beginnings.find(({ name }) => this.#cache.has(name))?.tokens ?? 0;
    for (const { name, tokens } of prompt.beginnings.toReversed()) this.#remember(name, tokens);
    this.#running.add({ prefillLeft: prompt.tokens - cached, answerLeft: answerTokens, ...then });
    return cached;
  }

  /** What happens in so many milliseconds. */
  advance(forMs: number, nowMs: number): void {
    let prefillLeft = (prefillTokensPerSecond * forMs) / 1_000;
    for (const running of this.#running) {
      if (running.prefillLeft === 0) continue;
      const computed = Math.min(prefillLeft, running.prefillLeft);
      running.prefillLeft -= computed;
      prefillLeft -= computed;
      if (running.prefillLeft === 0) running.began(nowMs);
    }
    const decoding = [...this.#running].filter((running) => running.prefillLeft === 0);
    const busyShare = 1 - (prefillLeft * 1_000) / (prefillTokensPerSecond * forMs);
    const tokens = (forMs * (1 - interference * busyShare)) / (stepMs.fixed + stepMs.each * decoding.length);
    for (const running of decoding) {
      running.answerLeft -= tokens;
      if (running.answerLeft > 0) continue;
      this.#running.delete(running);
      running.ended(nowMs);
    }
  }

  #remember(name: string, tokens: number): void {
    this.#cachedTokens += tokens - (this.#cache.get(name) ?? 0);
    this.#cache.delete(name);
    this.#cache.set(name, tokens);
    for (const [oldest, size] of this.#cache) {
      if (this.#cachedTokens <= this.#cacheTokensMax) return;
      this.#cache.delete(oldest);
      this.#cachedTokens -= size;
    }
  }
}
