import { FleetError } from '@qwenfleet/core/errors';
import type { TokenConstraint } from '../../engine/generation.ts';
import { Automaton, type State } from './automaton.ts';
import type { Expression } from './expression.ts';
import { compile } from './program.ts';
import type { TokenBytes } from './token-bytes.ts';

/**
 * What one answer may cost, in threads of the automaton (some hundred nanoseconds each): to begin with, and with each token.
 * JSON schemas take a tenth of it; patterns that are made to be ambiguous use it up, and would stall all other streams.
 */
const workAtFirst = 1_000_000;
const workPerToken = 10_000;

/** What a text may be. One may guide any number of answers, one after the other or at once. */
export class Grammar {
  readonly #automaton: Automaton;

  /** Throws `invalid_request`, without the name of a field: too large, too ambiguous, or endless. */
  constructor(expression: Expression) {
    this.#automaton = new Automaton(compile(expression));
  }

  /** Whether a whole text is one. */
  accepts(text: string): boolean {
    let state: State | null = this.#automaton.start;
    for (const byte of new TextEncoder().encode(text)) state &&= this.#automaton.after(state, byte);
    return state?.accepting === true;
  }

  /** For one answer, from its beginning. */
  constraint(tokens: TokenBytes, stopTokens: ReadonlySet<number>): TokenConstraint {
    return new GrammarConstraint(this.#automaton, tokens, stopTokens);
  }
}

class GrammarConstraint implements TokenConstraint {
  readonly #automaton: Automaton;
  readonly #tokens: TokenBytes;
  readonly #stopTokens: ReadonlySet<number>;
  #state: State;
  #workLeft = workAtFirst;

  constructor(automaton: Automaton, tokens: TokenBytes, stopTokens: ReadonlySet<number>) {
    this.#automaton = automaton;
    this.#tokens = tokens;
    this.#stopTokens = stopTokens;
    this.#state = automaton.start;
  }

  get complete(): boolean {
    return this.#state.accepting && this.#state.threads.length === 0;
  }

  allows(token: number): boolean {
    if (this.#stopTokens.has(token)) return this.#state.accepting;
    return this.#after(token) !== null;
  }

  accept(token: number): void {
    const next = this.#after(token);
    if (!next) throw new RangeError(`token ${token} was not allowed`);
    this.#state = next;
    this.#workLeft += workPerToken;
  }

  #after(token: number): State | null {
    const start = this.#tokens.startOf(token);
    const end = this.#tokens.endOf(token);
    // A control token says nothing, and would never bring the text to an end.
    if (start === end) return null;
    const { store } = this.#tokens;
    const before = this.#automaton.work;
    let state: State | null = this.#state;
    for (let at = start; at < end && state; at += 1) state = this.#automaton.after(state, store[at] ?? 0);
    this.#workLeft -= this.#automaton.work - before;
    if (this.#workLeft < 0) throw new FleetError('invalid_request', 'it is too ambiguous to be followed in time');
    return state;
  }
}
