import { FleetError } from '@qwenfleet/core/errors';
import type { Step } from '../backend/backend.ts';
import { PrefixCache, type SlotMove } from './prefix-cache.ts';
import { byTurn, completionTokens, priorityOf, sharePrompt, type Sequence } from './sequence.ts';

export type SchedulerLimits = {
  slots: number;
  slotTokens: number;
  /** Prompt tokens computed between two decode steps. */
  prefillChunkTokens: number;
  /** Sequences that may wait for a slot. */
  queueMax: number;
};

/** A sequence that has been preempted so often keeps its slot: what is computed again stays bounded. */
export const preemptionsMax = 3;

/** A prompt's chunk is whole up to so many tokens in its cache; beyond, attention takes the time, and grows with them. */
export const wholeChunkPast = 4_096;
/** Smaller chunks take hardly less time. */
export const chunkTokensMin = 32;

/** What to run next; the sequences are in the order of the step's rows. */
export type ScheduledStep = {
  kind: 'prefill' | 'decode';
  step: Step;
  sequences: readonly Sequence[];
  /** Guesses at the end of the only row: nothing of them counts before the same tokens are drawn. */
  drafts?: readonly number[];
};

/**
 * Decides what the model computes next. Pure: no clock, no I/O, only the order of calls.
 *
 * Sequences in use of a slot are adjacent, `running[i]` in slot i, and those that decode come before those that still
 * prefill; so one decode step is one range of slots. Prompts are computed in the order of turns, in chunks, and a chunk
 * alternates with a decode step: running streams never wait for more than one chunk, which shrinks as the context behind
 * it grows.
 *
 * Slots go by priority, then by arrival. When all are taken, one that waits may preempt one of strictly worse priority,
 * which waits again and later computes anew what it had. What was preempted is worse than all that run, so it preempts
 * nobody in turn: there are never more preemptions than arrivals.
 */
export class Scheduler {
  /** Who goes first stands first. */
  readonly waiting: Sequence[] = [];
  readonly running: Sequence[] = [];
  readonly #limits: SchedulerLimits;
  /** What lies in slots behind those that are in use. */
  readonly #prefixes: PrefixCache;
  #prefillTurn = true;
  #arrivals = 0;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
    this.#prefixes = new PrefixCache(limits.slots);
  }

  /**
   * Takes a new sequence. Throws `context_length_exceeded` when its prompt leaves no room for a token, `queue_full` when
   * too many wait already.
   */
  add(sequence: Sequence): void {
    const { slotTokens, queueMax, slots } = this.#limits;
    const prompt = sequence.request.promptTokens.length;
    if (prompt >= slotTokens) {
      throw new FleetError(
        'context_length_exceeded',
        `The prompt has ${prompt} tokens, and this model's context holds ${slotTokens} with the answer. Shorten the prompt, or ask a pool with a longer context.`,
        { param: 'messages' },
      );
    }
    if (this.waiting.length >= queueMax + Math.max(0, slots - this.running.length)) {
      throw new FleetError(
        'queue_full',
        `${this.waiting.length} requests wait already, and that is the limit. Try again later.`,
      );
    }
    sequence.maxTokens = Math.min(sequence.request.maxTokens, slotTokens - prompt);
    sequence.arrival = this.#arrivals;
    this.#arrivals += 1;
    this.#wait(sequence);
  }

  /**
   * Gives slots to those that wait, as long as one is free or can be had.
   * @returns who got one, who gave one up, and the copies that bring in what is known of prompts, to be made in order
   *   before the next step.
   */
  admit(): { started: Sequence[]; preempted: Sequence[]; moves: SlotMove[] } {
    const started: Sequence[] = [];
    const preempted: Sequence[] = [];
    const moves: SlotMove[] = [];
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      if (this.running.length === this.#limits.slots) {
        const victim = this.#victimOf(next);
        if (!victim) break;
        moves.push(...this.#preempt(victim));
        preempted.push(victim);
      }
      this.waiting.shift();
      next.phase = 'prefilling';
      next.slot = this.running.length;
      this.running.push(next);
      moves.push(...this.#prefixes.begin(next, this.running));
      started.push(next);
    }
    return { started, preempted, moves };
  }

  /** Of those that run and are of worse priority, the one whose turn came last. */
  #victimOf(next: Sequence): Sequence | undefined {
    return this.running
      .filter((other) => priorityOf(other) > priorityOf(next) && other.preemptions < preemptionsMax)
      .toSorted(byTurn)
      .at(-1);
  }

  #preempt(sequence: Sequence): SlotMove[] {
    const moves = this.#vacate(sequence, true);
    sequence.cached = 0;
    sequence.slot = -1;
    sequence.preemptions += 1;
    this.#wait(sequence);
    return moves;
  }

  #wait(sequence: Sequence): void {
    sequence.phase = 'waiting';
    const before = this.waiting.findLastIndex((other) => byTurn(other, sequence) < 0);
    this.waiting.splice(before + 1, 0, sequence);
  }

  /** The next step, or undefined when nothing runs. */
  next(): ScheduledStep | undefined {
    const decoding = this.running.filter((sequence) => sequence.phase === 'decoding');
    const [prefilling] = this.running.slice(decoding.length).toSorted(byTurn);
    if (prefilling && (this.#prefillTurn || decoding.length === 0)) {
      this.#prefillTurn = false;
      return this.#prefill(prefilling, decoding.length > 0);
    }
    this.#prefillTurn = true;
    return decoding.length === 0 ? undefined : decode(decoding);
  }

  /**
   * Books what a step has computed; a prompt that is whole goes on to decode, and so does what was preempted.
   * @returns the copies that bring it to those that decode, to be made in order before the next step.
   */
  computed({ step, sequences, drafts = [] }: ScheduledStep): SlotMove[] {
    const [row] = step.rows;
    // What wrong guesses have written lies behind `cached`, where the next step writes over it.
    for (const each of sequences) each.cached += (row?.tokens.length ?? 0) - drafts.length;
    const [sequence] = sequences;
    if (sequence?.phase !== 'prefilling' || sequence.cached < sequence.tokens.length) return [];
    const moves = this.#toFront(sequence, sequence.cached);
    sequence.phase = 'decoding';
    return moves;
  }

  /** A guess was right: what was computed of it counts. */
  accepted(sequence: Sequence): void {
    sequence.cached += 1;
  }

  /**
   * After a step that made a prompt whole: others of its group that have slots go on from there, too, with its logits.
   * @returns these, and the copies that give them the prompt, to be made in order before the next step.
   */
  share({ kind, sequences: [sequence] }: ScheduledStep): { followers: Sequence[]; moves: SlotMove[] } {
    const followers: Sequence[] = [];
    const moves: SlotMove[] = [];
    if (!sequence || kind !== 'prefill' || sequence.phase !== 'decoding') return { followers, moves };
    const tokens = sequence.request.promptTokens.length;
    const waiting = this.running.filter((other) => other.phase === 'prefilling' && sharePrompt(sequence, other));
    for (const follower of waiting) {
      moves.push(...this.#toFront(follower, 0));
      follower.phase = 'decoding';
      follower.cached = tokens;
      followers.push(follower);
      moves.push({ from: sequence.slot, to: follower.slot, tokens });
    }
    return { followers, moves };
  }

  /**
   * Makes a sequence the first of those that prefill, right behind those that decode, so that their range stays whole.
   * @param kept rows of its slot that it still needs
   */
  #toFront(sequence: Sequence, kept: number): SlotMove[] {
    const at = this.running.indexOf(sequence);
    const front = this.running.findIndex(({ phase }) => phase === 'prefilling');
    const first = this.running[front];
    if (!first || first === sequence) return [];
    [first.slot, sequence.slot] = [at, front];
    this.running[at] = first;
    this.running[front] = sequence;
    const [here, there] = [kept, first.cached];
    if (here > 0 && there > 0) return [{ from: at, to: front, tokens: here, back: there }];
    if (here > 0) return [{ from: at, to: front, tokens: here }];
    return there > 0 ? [{ from: front, to: at, tokens: there }] : [];
  }

  /**
   * Takes a sequence out, wherever it is. Returns the copies that close the gap, to be made in order before the next
   * step: the last that decodes takes its place, and the last that prefills the place of that one.
   * @param sound what its slot holds is what was computed, and worth keeping for others that begin alike.
   */
  remove(sequence: Sequence, sound = true): SlotMove[] {
    const waitingAt = this.waiting.indexOf(sequence);
    if (waitingAt !== -1) this.waiting.splice(waitingAt, 1);
    const moves = this.#vacate(sequence, sound);
    sequence.phase = 'finished';
    return moves;
  }

  #vacate(sequence: Sequence, sound: boolean): SlotMove[] {
    let gap = this.running.indexOf(sequence);
    if (gap === -1) return [];
    const moves = sound ? this.#prefixes.keep(sequence, this.running.length) : [];
    const lastDecoding = this.running.findLastIndex((other) => other.phase === 'decoding');
    if (sequence.phase === 'decoding' && lastDecoding > gap) gap = this.#move(lastDecoding, gap, moves);
    if (gap < this.running.length - 1) this.#move(this.running.length - 1, gap, moves);
    this.running.pop();
    return moves;
  }

  /** Forgets every sequence, and with it what the slots hold. */
  clear(): void {
    for (const sequence of [...this.waiting, ...this.running]) sequence.phase = 'finished';
    this.waiting.length = 0;
    this.running.length = 0;
    this.#prefixes.clear();
  }

  /** Moves a sequence into the gap and returns the new gap. */
  #move(from: number, gap: number, moves: SlotMove[]): number {
    const moved = this.running[from];
    if (!moved) return gap;
    if (moved.cached > 0) moves.push({ from, to: gap, tokens: moved.cached });
    moved.slot = gap;
    this.running[gap] = moved;
    return from;
  }

  get cachedTokens(): number {
    return this.running.reduce((sum, sequence) => sum + sequence.cached, 0);
  }

  /** @param waitedFor others decode, and wait for the chunk. */
  #prefill(sequence: Sequence, waitedFor: boolean): ScheduledStep {
    const { promptLogprobs, adapter } = sequence.request;
    const { prefillChunkTokens, slots } = this.#limits;
    // One that has begun to answer has told of its prompt.
    const every = promptLogprobs === true && completionTokens(sequence) === 0;
    // As many rows of logits as there are slots fit the backend's memory.
    const longest = waitedFor ? chunkBehind(sequence.cached, prefillChunkTokens) : prefillChunkTokens;
    const chunk = every ? Math.min(longest, slots) : longest;
    const end = Math.min(sequence.tokens.length, sequence.cached + chunk);
    const tokens = sequence.tokens.slice(sequence.cached, end);
    const row = { tokens, past: sequence.cached, adapter: adapter?.place };
    const wantLogits = every ? 'every' : end === sequence.tokens.length;
    return { kind: 'prefill', step: { firstSlot: sequence.slot, rows: [row], wantLogits }, sequences: [sequence] };
  }
}

/** A chunk that takes about as long as a whole one behind `wholeChunkPast` tokens; in few sizes, for each is planned once. */
function chunkBehind(past: number, chunkTokens: number): number {
  if (past <= wholeChunkPast) return chunkTokens;
  const sixteens = Math.floor((chunkTokens * wholeChunkPast) / past / 16);
  return Math.min(chunkTokens, Math.max(chunkTokensMin, sixteens * 16));
}

/** One token for each sequence that decodes: slots 0 and up. One that decodes alone may try guesses behind its own. */
function decode(sequences: readonly Sequence[]): ScheduledStep {
  const drafts = draftsOf(sequences);
  const rows = sequences.map(({ tokens, cached, request: { adapter } }) => ({
    tokens: [...tokens.slice(cached), ...drafts],
    past: cached,
    adapter: adapter?.place,
  }));
  const wantLogits = drafts.length === 0 || 'every';
  return { kind: 'decode', step: { firstSlot: 0, rows, wantLogits }, sequences, drafts };
}

/**
 * Of a sequence that decodes alone. Rows of several tokens cannot share a step, and a step for one of them would make the
 * others wait for what costs most of theirs together.
 */
function draftsOf([sequence, ...others]: readonly Sequence[]): number[] {
  if (!sequence?.drafter || others.length > 0) return [];
  // The last token of an answer is never fed, so that guesses never leave the slot.
  return sequence.drafter.propose(sequence.tokens, sequence.maxTokens - completionTokens(sequence) - 1);
}
