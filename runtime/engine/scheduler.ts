import { FleetError } from '@qwenfleet/core/errors';
import type { Step } from '../backend/backend.ts';
import { PrefixCache, type SlotMove } from './prefix-cache.ts';
import type { Sequence } from './sequence.ts';

export type SchedulerLimits = {
  slots: number;
  slotTokens: number;
  /** Prompt tokens computed between two decode steps. */
  prefillChunkTokens: number;
  /** Sequences that may wait for a slot. */
  queueMax: number;
};

/** What to run next; the sequences are in the order of the step's rows. */
export type ScheduledStep = { kind: 'prefill' | 'decode'; step: Step; sequences: readonly Sequence[] };

/**
 * Decides what the model computes next. Pure: no clock, no I/O, only the order of calls.
 *
 * Sequences in use of a slot are adjacent, `running[i]` in slot i, and those that decode come before those that still
 * prefill; so one decode step is one range of slots. A prompt is computed in chunks, and a chunk alternates with a decode
 * step: running streams never wait for more than one chunk.
 */
export class Scheduler {
  readonly waiting: Sequence[] = [];
  readonly running: Sequence[] = [];
  readonly #limits: SchedulerLimits;
  /** What lies in slots behind those that are in use. */
  readonly #prefixes: PrefixCache;
  #prefillTurn = true;

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
    this.waiting.push(sequence);
  }

  /**
   * Gives free slots to those that wait, in the order they came.
   * @returns the copies that bring in what is known of their prompts, to be made in order before the next step.
   */
  admit(onStart: (sequence: Sequence) => void): SlotMove[] {
    const moves: SlotMove[] = [];
    while (this.running.length < this.#limits.slots) {
      const next = this.waiting.shift();
      if (!next) break;
      next.phase = 'prefilling';
      next.slot = this.running.length;
      this.running.push(next);
      moves.push(...this.#prefixes.begin(next, this.running));
      onStart(next);
    }
    return moves;
  }

  /** The next step, or undefined when nothing runs. */
  next(): ScheduledStep | undefined {
    const decoding = this.running.filter((sequence) => sequence.phase === 'decoding');
    const prefilling = this.running[decoding.length];
    if (prefilling && (this.#prefillTurn || decoding.length === 0)) {
      this.#prefillTurn = false;
      return this.#prefill(prefilling);
    }
    this.#prefillTurn = true;
    return decoding.length === 0 ? undefined : decode(decoding);
  }

  /** Books what a step has computed; a prompt that is whole goes on to decode. */
  computed(scheduled: ScheduledStep): void {
    const [row] = scheduled.step.rows;
    for (const sequence of scheduled.sequences) sequence.cached += row?.tokens.length ?? 0;
    const [sequence] = scheduled.sequences;
    // The first that prefills stands right behind those that decode, so the range stays whole.
    if (sequence?.phase === 'prefilling' && sequence.cached >= sequence.request.promptTokens.length)
      sequence.phase = 'decoding';
  }

  /**
   * After a step that made a prompt whole: others of its group that have slots go on from there, too, with its logits.
   * @returns these, and the copies that give them the prompt, to be made in order before the next step.
   */
  share({ kind, sequences: [sequence] }: ScheduledStep): { followers: Sequence[]; moves: SlotMove[] } {
    const followers: Sequence[] = [];
    const moves: SlotMove[] = [];
    const { promptGroup, promptTokens = [] } = sequence?.request ?? {};
    if (!sequence || promptGroup === undefined || kind !== 'prefill' || sequence.phase !== 'decoding')
      return { followers, moves };
    const waiting = this.running.filter(
      ({ phase, request }) => phase === 'prefilling' && request.promptGroup === promptGroup,
    );
    for (const follower of waiting) {
      if (!this.#toFront(follower)) continue;
      follower.phase = 'decoding';
      follower.cached = promptTokens.length;
      followers.push(follower);
      moves.push({ from: sequence.slot, to: follower.slot, tokens: promptTokens.length });
    }
    return { followers, moves };
  }

  /** Makes a sequence the first of those that prefill; false when the first has computed something that would have to move. */
  #toFront(sequence: Sequence): boolean {
    const at = this.running.indexOf(sequence);
    const front = this.running.findIndex(({ phase }) => phase === 'prefilling');
    const first = this.running[front];
    if (!first || first === sequence) return first === sequence;
    if (first.cached > 0) return false;
    [first.slot, sequence.slot] = [at, front];
    this.running[at] = first;
    this.running[front] = sequence;
    return true;
  }

  /**
   * Takes a sequence out, wherever it is. Returns the copies that close the gap, to be made in order before the next
   * step: the last that decodes takes its place, and the last that prefills the place of that one.
   * @param sound what its slot holds is what was computed, and worth keeping for others that begin alike.
   */
  remove(sequence: Sequence, sound = true): SlotMove[] {
    const waitingAt = this.waiting.indexOf(sequence);
    if (waitingAt !== -1) this.waiting.splice(waitingAt, 1);
    const wasDecoding = sequence.phase === 'decoding';
    sequence.phase = 'finished';
    let gap = this.running.indexOf(sequence);
    if (gap === -1) return [];
    const moves = sound ? this.#prefixes.keep(sequence, this.running.length) : [];
    const lastDecoding = this.running.findLastIndex((other) => other.phase === 'decoding');
    if (wasDecoding && lastDecoding > gap) gap = this.#move(lastDecoding, gap, moves);
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

  #prefill(sequence: Sequence): ScheduledStep {
    const { promptTokens, promptLogprobs, adapter } = sequence.request;
    const { prefillChunkTokens, slots } = this.#limits;
    // As many rows of logits as there are slots fit the backend's memory.
    const chunk = promptLogprobs ? Math.min(prefillChunkTokens, slots) : prefillChunkTokens;
    const end = Math.min(promptTokens.length, sequence.cached + chunk);
    const tokens = sequence.tokens.slice(sequence.cached, end);
    const row = { tokens, past: sequence.cached, adapter: adapter?.place };
    const wantLogits = promptLogprobs ? 'every' : end === promptTokens.length;
    return { kind: 'prefill', step: { firstSlot: sequence.slot, rows: [row], wantLogits }, sequences: [sequence] };
  }
}

/** One token for each sequence that decodes: slots 0 and up. */
function decode(sequences: readonly Sequence[]): ScheduledStep {
  const rows = sequences.map(({ tokens, cached, request: { adapter } }) => ({
    tokens: tokens.slice(cached),
    past: cached,
    adapter: adapter?.place,
  }));
  return { kind: 'decode', step: { firstSlot: 0, rows, wantLogits: true }, sequences };
}
