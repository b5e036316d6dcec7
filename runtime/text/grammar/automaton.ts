import { FleetError } from '@qwenfleet/core/errors';
import type { Node, Program } from './program.ts';

/** Ways to read one text at the same time; ambiguous grammars have many, JSON has a handful. */
const threadsMax = 2_000;
/** States that are remembered; each takes two kilobytes. */
const statesMax = 1_024;

/** A node, and where to go on when its rule ends. Equal ones are one object. */
type Thread = { id: number; node: Node; parent: Thread | undefined };

/** All that a text so far may be the beginning of. Equal ones are one object. */
export type State = {
  readonly threads: readonly Thread[];
  /** The text may end here. */
  readonly accepting: boolean;
  /** By the next byte: the state after it, null where it cannot follow, undefined where nobody has asked. */
  next: (State | null | undefined)[];
};

/** Runs a program over bytes. What it works out it remembers, so that the second time is a look into a table. */
export class Automaton {
  readonly start: State;
  /** Threads that were looked at so far, over all who ask: what it has cost. */
  work = 0;
  readonly #program: Program;
  readonly #threads = new Map<string, Thread>();
  readonly #states = new Map<string, State>();
  #threadIds = 0;

  /** Throws `invalid_request` when the beginning is too ambiguous already. */
  constructor(program: Program) {
    this.#program = program;
    this.start = this.#stateOf([this.#thread(program.starts[0] ?? 0, undefined)]);
  }

  /** The state after a byte, or null when it cannot follow. Throws `invalid_request` when the grammar is too ambiguous. */
  after(state: State, byte: number): State | null {
    const known = state.next[byte];
    if (known !== undefined) return known;
    this.work += state.threads.length;
    const reached = state.threads.flatMap(({ node, parent }) =>
      node.edges.filter(({ from, to }) => from <= byte && byte <= to).map(({ target }) => this.#thread(target, parent)),
    );
    const next = reached.length === 0 ? null : this.#stateOf(reached);
    state.next[byte] = next;
    return next;
  }

  #thread(node: number, parent: Thread | undefined): Thread {
    const key = `${node},${parent?.id ?? -1}`;
    let thread = this.#threads.get(key);
    if (!thread) {
      thread = { id: this.#threadIds, node: this.#node(node), parent };
      this.#threadIds += 1;
      this.#threads.set(key, thread);
    }
    return thread;
  }

  #node(index: number): Node {
    const node = this.#program.nodes[index];
    if (!node) throw new RangeError(`there is no node ${index}`);
    return node;
  }

  /** With all that can be reached without a byte; of those, only threads that read bytes are kept. */
  #stateOf(reached: readonly Thread[]): State {
    const all = new Set(reached);
    let accepting = false;
    for (const thread of all) {
      if (all.size > threadsMax)
        throw new FleetError('invalid_request', 'it is too ambiguous: too many ways to read one text');
      const { node, parent } = thread;
      for (const target of node.skips) all.add(this.#thread(target, parent));
      for (const { rule, target } of node.calls)
        all.add(this.#thread(this.#program.starts[rule] ?? 0, this.#returnTo(target, parent)));
      if (!node.ends) continue;
      if (parent) all.add(parent);
      else accepting = true;
    }
    this.work += all.size;
    const threads = [...all].filter(({ node }) => node.edges.length > 0).sort((a, b) => a.id - b.id);
    return this.#remembered(threads, accepting);
  }

  /** A rule that is called last of all returns to where its caller would: repetition does not deepen the stack. */
  #returnTo(target: number, parent: Thread | undefined): Thread | undefined {
    const node = this.#node(target);
    const last = node.ends && node.edges.length + node.calls.length + node.skips.length === 0;
    return last ? parent : this.#thread(target, parent);
  }

  #remembered(threads: readonly Thread[], accepting: boolean): State {
    const key = `${accepting},${threads.map(({ id }) => id).join(',')}`;
    const known = this.#states.get(key);
    if (known) return known;
    if (this.#states.size >= statesMax) this.#forget();
    const state: State = { threads, accepting, next: [] };
    this.#states.set(key, state);
    return state;
  }

  /** Who stands in a state goes on from it; all else is worked out again when it is needed. */
  #forget(): void {
    for (const state of this.#states.values()) state.next = [];
    this.#states.clear();
    this.#threads.clear();
  }
}
