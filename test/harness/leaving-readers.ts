import { systemClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { seededRng, type Rng } from '@qwenfleet/core/rng';
import type { Generator, Step } from '@qwenfleet/runtime/backend/backend';
import { Engine } from '@qwenfleet/runtime/engine/engine';
import type { GenerationRequest, TokenConstraint } from '@qwenfleet/runtime/engine/generation';
import { collect, plainSampling, requestOf } from '@qwenfleet/runtime/fixtures/generation';

/** Readers at the same time: six times as many as there are slots. */
const readers = 24;
const prefillChunkTokens = 16;
/** That of the tiny checkpoints. */
export const vocabularySize = 384;
export const shape = { slots: 4, slotTokens: 256 } as const;

export type Left = {
  /** Readers who left before their end. */
  left: number;
  /** Tokens drawn for one who had left. */
  ghosts: number;
  /** The most sequences at the beginning of a step beyond those that somebody reads. */
  unread: number;
  /** Tokens that the engine says it drew, without those that readers' answers account for. */
  unaccounted: number;
  /** Answers of the one who stays, one after the other, and those that are other than alone. */
  answers: number;
  otherAnswers: number;
  /** Steps from one of its tokens to the next, at most. */
  longestGap: number;
  preempted: number;
  /** Sequences and tokens in the cache at the end. */
  remains: number;
};

/** Many readers of one engine, who leave wherever they are, beside one who stays. Nothing goes by time. */
export async function readersWhoLeave(generator: Generator, seed: number, most: number): Promise<Left> {
  const rng = seededRng(seed);
  const watched = new WatchedEngine(generator);
  const { engine } = watched;
  const stays = requestOf(promptOf(rng, 30), { maxTokens: 120, priority: -9 });
  // Read all the time.
  watched.open.add(stays);
  const alone = await collect(engine, stays);
  const [drawnBefore, staying] = [watched.drawn, new StayingReader(watched, stays, alone.tokens)];
  const stayed = staying.read();
  const crowd = new LeavingReaders(watched, rng, most);
  await crowd.read().finally(() => (staying.over = true));
  await stayed;
  const accounted = crowd.drawn + staying.answers * alone.tokens.length;
  const { running, queued, kvTokens } = engine.stats();
  return {
    left: crowd.left,
    ghosts: crowd.ghosts,
    unread: watched.unread,
    unaccounted: watched.drawn - drawnBefore - accounted,
    answers: staying.answers,
    otherAnswers: staying.otherAnswers,
    longestGap: staying.longestGap,
    preempted: watched.preempted,
    remains: running + queued + kvTokens,
  };
}

/** An engine whose steps are counted, and at whose steps something may happen. */
class WatchedEngine {
  readonly engine: Engine;
  steps = 0;
  drawn = 0;
  preempted = 0;
  /** Readers who have not left and have not seen their end. */
  readonly open = new Set<object>();
  unread = -Infinity;
  readonly #due = new Map<number, (() => void)[]>();

  constructor(generator: Generator) {
    const step = generator.step.bind(generator);
    generator.step = (asked: Step) => {
      const { running, queued } = this.engine.stats();
      this.unread = Math.max(this.unread, running + queued - this.open.size);
      this.steps += 1;
      const computed = step(asked);
      for (const act of this.#due.get(this.steps) ?? []) act();
      this.#due.delete(this.steps);
      return computed;
    };
    this.engine = new Engine({
      generator,
      clock: systemClock,
      prefillChunkTokens,
      queueMax: 10 * readers,
      onStep: ({ drawn }) => (this.drawn += drawn),
      onPreempted: () => (this.preempted += 1),
    });
  }

  /** While the step runs that is so many from now. */
  during(stepsFromNow: number, act: () => void): void {
    const at = this.steps + stepsFromNow;
    this.#due.set(at, [...(this.#due.get(at) ?? []), act]);
  }
}

/** Reads one request again and again. */
class StayingReader {
  readonly #watched: WatchedEngine;
  readonly #request: GenerationRequest;
  readonly #wanted: readonly number[];
  over = false;
  answers = 0;
  otherAnswers = 0;
  longestGap = 0;

  constructor(watched: WatchedEngine, request: GenerationRequest, wanted: readonly number[]) {
    this.#watched = watched;
    this.#request = request;
    this.#wanted = wanted;
  }

  async read(): Promise<void> {
    while (!this.over) {
      let last: number | undefined;
      const constraint = told(() => {
        const { steps } = this.#watched;
        this.longestGap = Math.max(this.longestGap, steps - (last ?? steps));
        last = steps;
      });
      const { tokens } = await collect(this.#watched.engine, { ...this.#request, constraint });
      this.answers += 1;
      if (tokens.join() !== this.#wanted.join()) this.otherAnswers += 1;
    }
  }
}

/** Each asks for up to three choices and leaves: before it has come, in the queue, in its prompt or in its answer. */
class LeavingReaders {
  readonly #watched: WatchedEngine;
  readonly #rng: Rng;
  readonly #most: number;
  readonly #system: readonly number[];
  left = 0;
  ghosts = 0;
  drawn = 0;

  constructor(watched: WatchedEngine, rng: Rng, most: number) {
    this.#watched = watched;
    this.#rng = rng;
    this.#most = most;
    this.#system = promptOf(rng, 40);
  }

  async read(): Promise<void> {
    const one = async (): Promise<void> => {
      while (this.left < this.#most) await this.#ask();
    };
    await Promise.all(Array.from({ length: readers }, one));
  }

  async #ask(): Promise<void> {
    const rng = this.#rng;
    const controller = new AbortController();
    const leave = (): void => controller.abort();
    const asked = {
      signal: controller.signal,
      priority: below(rng, 3) - 1,
      maxTokens: 1 + below(rng, 40),
      promptGroup: Symbol('choices'),
    };
    const prompt = [...(rng() < 0.5 ? this.#system : []), ...promptOf(rng, 1 + below(rng, 100))];
    const leaveAt = rng() < 0.5 ? 1 + below(rng, 20) : undefined;
    if (rng() < 0.02) leave();
    else if (leaveAt === undefined) this.#watched.during(1 + below(rng, 30), leave);
    const choices = Array.from({ length: 1 + below(rng, 3) }, (_, choice) => {
      const sampling = { ...plainSampling, temperature: 1, seed: below(rng, 1e6) };
      const onToken = (count: number): void => (choice === 0 && count === leaveAt ? leave() : undefined);
      return this.#readOne(requestOf(prompt, { ...asked, sampling }), onToken);
    });
    await Promise.all(choices);
  }

  async #readOne(request: GenerationRequest, onToken: (count: number) => void): Promise<void> {
    const { open, engine } = this.#watched;
    const { signal } = request;
    const reader = {};
    open.add(reader);
    signal.addEventListener('abort', () => open.delete(reader), { once: true });
    const constraint = told(() => {
      this.drawn += 1;
      if (signal.aborted) this.ghosts += 1;
    });
    let count = 0;
    try {
      for await (const _ of engine.generate({ ...request, constraint })) onToken((count += 1));
    } catch (error) {
      if (!(error instanceof FleetError) || error.code !== 'cancelled') throw error;
      this.left += 1;
    }
    open.delete(reader);
  }
}

/** Allows everything, and is told of every token that is drawn. */
const told = (accept: () => void): TokenConstraint => ({ complete: false, allows: () => true, accept });

const below = (rng: Rng, end: number): number => Math.floor(rng() * end);
const promptOf = (rng: Rng, length: number): number[] => Array.from({ length }, () => below(rng, vocabularySize));
