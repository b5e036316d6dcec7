import type { Clock } from '@qwenfleet/core/clock';
import type { ModelReference } from '@qwenfleet/core/fleet/runtime-config';
import type { LoadedModelStatus } from '@qwenfleet/core/load/status';
import { restsWithin } from './engine/rest.ts';
import type { ServedModel } from './served-model.ts';
import type { ModelText } from './text/model-text.ts';

/** How a request ended. */
export const outcomes = ['ok', 'error', 'cancelled'] as const;
export type Outcome = (typeof outcomes)[number];

/** One request's hold on a model: it is not taken away before the request has ended. */
export type Ticket = {
  readonly model: ServedModel;
  /** To be called when the answer is whole, or will never be. Only the first call counts. */
  end: (outcome: Outcome) => void;
};

/** A model that has been loaded, and what it is. */
export type LoadedModel = {
  served: ServedModel;
  text: ModelText;
  identity: Omit<LoadedModelStatus, 'generation' | 'asked' | 'loadedAt' | 'requests'>;
  /** What it takes at least: the next of its kind will take as much. */
  memoryBytes: number;
};

/** For answers that a drain has ended: what is still said to their clients. */
const lastWordsMs = 2_000;

/** A model in memory, with the requests that it has taken. */
export class Resident {
  readonly generation: number;
  readonly loaded: LoadedModel;
  readonly #asked: ModelReference;
  readonly #clock: Clock;
  readonly #loadedEpochMs: number;
  #requests = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  /** @param asked where the model was asked for. */
  constructor(generation: number, asked: ModelReference, loaded: LoadedModel, clock: Clock) {
    this.generation = generation;
    this.loaded = loaded;
    this.#asked = asked;
    this.#clock = clock;
    this.#loadedEpochMs = clock.epochMs();
  }

  get requests(): number {
    return this.#requests;
  }

  get status(): LoadedModelStatus {
    const loadedAt = new Date(this.#loadedEpochMs).toISOString();
    const { generation, loaded } = this;
    return { generation, asked: this.#asked, ...loaded.identity, loadedAt, requests: this.#requests };
  }

  admit(onEnd: (outcome: Outcome) => void): Ticket {
    this.#requests += 1;
    this.#idle ??= Promise.withResolvers();
    let ended = false;
    const end = (outcome: Outcome): void => {
      if (ended) return;
      ended = true;
      this.#requests -= 1;
      if (this.#requests === 0) {
        this.#idle?.resolve();
        this.#idle = undefined;
      }
      onEnd(outcome);
    };
    return { model: this.loaded.served, end };
  }

  /**
   * Waits until every request has its answer, and ends those that have none after the grace time.
   * @returns false when a step hangs: the model must not be released.
   */
  async settle(graceMs: number): Promise<boolean> {
    await this.#idleWithin(graceMs);
    const rests = await this.loaded.served.engine.drain(0);
    await this.#idleWithin(lastWordsMs);
    return rests;
  }

  #idleWithin(waitMs: number): Promise<boolean> {
    return restsWithin(() => this.#idle?.promise, waitMs, this.#clock);
  }
}
