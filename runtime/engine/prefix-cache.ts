import { sharePrompt, type Sequence } from './sequence.ts';

/** Prompts are compared in blocks: a hit of a few tokens is not worth its copy. */
const blockTokens = 16;
/**
 * Tokens of a prompt that are computed in any case. The last gives the logits, and a step of one token alone is computed
 * by another kernel: with two, an answer has the same bits whether its prompt was cached or not.
 */
const computedMin = 2;

/** A prompt whose keys and values are in a slot, and the adapter that they were computed with. */
type Entry = { slot: number; tokens: readonly number[]; weights: symbol | undefined };

/** Rows to copy before the next step; with `back`, so many rows of `to` come to `from` in exchange. */
export type SlotMove = { from: number; to: number; tokens: number; back?: number };

/**
 * Prompts of earlier requests, in slots that nobody uses: no memory is set aside for them. Pure: it only says what is where.
 * Only what was computed as a prompt counts, in whole blocks: rows of an answer were computed one by one, and have other bits.
 */
export class PrefixCache {
  readonly #slots: number;
  /** By slot; the one that was used last stands last. */
  readonly #entries = new Map<number, Entry>();

  constructor(slots: number) {
    this.#slots = slots;
  }

  clear(): void {
    this.#entries.clear();
  }

  /**
   * A sequence gets the slot behind all others. What lay there makes way for it, and what is known of its prompt comes in:
   * sets `cached`, and `reused` the first time.
   */
  begin(sequence: Sequence, running: readonly Sequence[]): SlotMove[] {
    const { slot } = sequence;
    const found = isFollower(sequence, running) ? undefined : this.#longest(sequence, running);
    // Where it lies already, it is taken over as it is.
    const moves = found?.slot === slot ? [] : this.#displace(slot, running.length, found?.slot);
    this.#entries.delete(slot);
    if (!found) return moves;
    sequence.cached = found.tokens;
    if (sequence.preemptions === 0) sequence.reused = found.tokens;
    this.#touch(found.slot);
    return found.slot === slot ? moves : [...moves, { from: found.slot, to: slot, tokens: found.tokens }];
  }

  /** A sequence leaves its slot, and all slots from `firstFree` on will be free: its prompt goes to one that is free now, if there is one. */
  keep({ slot, request, cached }: Sequence, used: number): SlotMove[] {
    const tokens = wholeBlocks(request.promptTokens, Math.min(cached, request.promptTokens.length));
    const weights = request.adapter?.weights;
    if (tokens.length === 0 || this.#known(tokens, weights)) return [];
    // The last of all leaves its slot as it is.
    const to = slot === used - 1 ? slot : this.#room(used);
    if (to === undefined) return [];
    this.#put({ slot: to, tokens, weights });
    return to === slot ? [] : [{ from: slot, to, tokens: tokens.length }];
  }

  #known(tokens: readonly number[], weights: symbol | undefined): boolean {
    const same = [...this.#entries.values()].find(
      (entry) => entry.weights === weights && common(entry.tokens, tokens) === tokens.length,
    );
    if (same) this.#touch(same.slot);
    return same !== undefined;
  }

  /** Puts what lies in a slot into another, while there is room for it. */
  #displace(slot: number, used: number, except: number | undefined): SlotMove[] {
    const entry = this.#entries.get(slot);
    const to = entry && this.#room(used, except);
    if (!entry || to === undefined) return [];
    this.#put({ ...entry, slot: to });
    return [{ from: slot, to, tokens: entry.tokens.length }];
  }

  /** An empty slot from the end, or else that of the entry that was used longest ago. */
  #room(used: number, except?: number): number | undefined {
    for (let slot = this.#slots - 1; slot >= used; slot -= 1) if (!this.#entries.has(slot)) return slot;
    return [...this.#entries.keys()].find((slot) => slot >= used && slot !== except);
  }

  #put(entry: Entry): void {
    this.#entries.delete(entry.slot);
    this.#entries.set(entry.slot, entry);
  }

  #touch(slot: number): void {
    const entry = this.#entries.get(slot);
    if (entry) this.#put(entry);
  }

  /** The slot that has most of a prompt, among cached ones and those of sequences that run. */
  #longest(
    { request, tokens: wanted }: Sequence,
    running: readonly Sequence[],
  ): { slot: number; tokens: number } | undefined {
    // All of a prompt is asked for: its rows are what is wanted, not its keys.
    if (request.promptLogprobs === true) return undefined;
    const sources = [
      ...this.#entries.values(),
      ...running.map((other) => ({
        slot: other.slot,
        weights: other.request.adapter?.weights,
        tokens: wholeBlocks(other.request.promptTokens, Math.min(other.cached, other.request.promptTokens.length)),
      })),
    ];
    const most = wanted.length - computedMin;
    let best: { slot: number; tokens: number } | undefined;
    for (const { slot, tokens, weights } of sources) {
      if (weights !== request.adapter?.weights) continue;
      const length = Math.min(common(tokens, wanted), most);
      const blocks = length - (length % blockTokens);
      if (blocks > (best?.tokens ?? 0)) best = { slot, tokens: blocks };
    }
    return best;
  }
}

/** Of several choices, the first computes the prompt and the others wait for it. */
const isFollower = (sequence: Sequence, running: readonly Sequence[]): boolean =>
  running.some((other) => other !== sequence && other.phase === 'prefilling' && sharePrompt(sequence, other));

const wholeBlocks = (tokens: readonly number[], length: number): readonly number[] =>
  tokens.slice(0, length - (length % blockTokens));

/** How many tokens two prompts begin with in common. */
function common(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  for (let at = 0; at < most; at += 1) if (a[at] !== b[at]) return at;
  return most;
}
