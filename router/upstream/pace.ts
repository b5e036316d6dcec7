import type { Beginning } from '../policy/slow-replicas.ts';
import { Estimate } from './estimate.ts';

/** What is known longer than this is forgotten: a replica that was slow is asked again, and judged by what it does then. */
export const knownForMs = 10_000;
/** So many of its streams must have begun before anything is known. */
const learnedMin = 5;
/** A request of so many bytes takes about twice as long to begin as an empty one. */
const fixedBytes = 2_048;
const weight = 1 / 4;

/** How long streams of one replica take to begin, by what it did for this router. */
export class Pace {
  #known: { paceMs: Estimate; firstByteMs: Estimate } | undefined;
  #learned = 0;
  #learnedMs = -Infinity;

  /** A stream has begun, of a request of so many bytes. */
  learn(tookMs: number, bytes: number, nowMs: number): void {
    const paceMs = (tookMs * fixedBytes) / (fixedBytes + bytes);
    this.#known ??= { paceMs: new Estimate(paceMs, weight), firstByteMs: new Estimate(tookMs, weight) };
    this.#known.paceMs.learn(paceMs);
    this.#known.firstByteMs.learn(tookMs);
    this.#learned += 1;
    this.#learnedMs = nowMs;
  }

  /** Undefined while too little is known, or nothing new was learned for long. */
  at(nowMs: number): Beginning | undefined {
    if (!this.#known || this.#learned < learnedMin || nowMs - this.#learnedMs > knownForMs) return undefined;
    return { paceMs: this.#known.paceMs.ms, firstByteMs: this.#known.firstByteMs.ms };
  }
}
