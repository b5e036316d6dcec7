import { FleetError } from '@qwenfleet/core/errors';
import type { ByteRange, Expression, Rule } from './expression.ts';

/** What one grammar may take; JSON schemas of a hundred fields have about two thousand. */
const nodesMax = 20_000;

/** A place in the text that may follow: which bytes lead where, which rules may begin, and where one may go without. */
export type Node = {
  edges: { from: number; to: number; target: number }[];
  calls: { rule: number; target: number }[];
  skips: number[];
  /** The rule may end here. */
  ends: boolean;
};

/** A pushdown automaton over bytes: nodes, and the first node of each rule; the first rule is the whole text. */
export type Program = { nodes: readonly Node[]; starts: readonly number[] };

/** Throws `invalid_request` when the grammar is too large, or never gets anywhere. */
export function compile(root: Expression): Program {
  const compiler = new Compiler();
  compiler.compile(root);
  assertAdvances(compiler);
  return compiler;
}

class Compiler implements Program {
  readonly nodes: Node[] = [];
  readonly starts: number[] = [];
  readonly #rules = new Map<Rule | Expression, number>();
  readonly #open: { rule: number; body: Expression }[] = [];

  compile(root: Expression): void {
    this.#ruleOf(root, root);
    for (let next = this.#open.pop(); next; next = this.#open.pop()) {
      const end = this.#node();
      this.#at(end).ends = true;
      this.#emit(next.body, this.starts[next.rule] ?? 0, end);
    }
  }

  #node(): number {
    if (this.nodes.length >= nodesMax) throw new FleetError('invalid_request', `it is larger than ${nodesMax} steps`);
    return this.nodes.push({ edges: [], calls: [], skips: [], ends: false }) - 1;
  }

  #at(index: number): Node {
    const node = this.nodes[index];
    if (!node) throw new RangeError(`there is no node ${index}`);
    return node;
  }

  #ruleOf(key: Rule | Expression, body: Expression): number {
    const known = this.#rules.get(key);
    if (known !== undefined) return known;
    const rule = this.starts.push(this.#node()) - 1;
    this.#rules.set(key, rule);
    this.#open.push({ rule, body });
    return rule;
  }

  readonly #emitters: {
    [K in Expression['kind']]: (of: Extract<Expression, { kind: K }>, from: number, to: number) => void;
  } = {
    bytes: ({ sequences }, from, to) => sequences.forEach((each) => this.#bytes(each, from, to)),
    sequence: ({ parts }, from, to) => this.#chain(parts, from, to),
    choice: ({ options }, from, to) => options.forEach((option) => this.#emit(option, from, to)),
    repeat: (of, from, to) => this.#repeat(of, from, to),
    until: ({ tag }, from, to) => this.#search(tag, from, to, false),
    without: ({ tag }, from, to) => this.#search(tag, from, to, true),
    call: ({ rule }, from, to) => this.#at(from).calls.push({ rule: this.#ruleOf(rule, rule.body), target: to }),
  };

  #emit(expression: Expression, from: number, to: number): void {
    // The table has one function for each kind, of that kind.
    const emit = this.#emitters[expression.kind] as (of: Expression, from: number, to: number) => void;
    emit(expression, from, to);
  }

  #bytes(ranges: readonly ByteRange[], from: number, to: number): void {
    if (ranges.length === 0) this.#at(from).skips.push(to);
    ranges.reduce((at, [low, high], index) => {
      const target = index === ranges.length - 1 ? to : this.#node();
      this.#at(at).edges.push({ from: low, to: high, target });
      return target;
    }, from);
  }

  #chain(parts: readonly Expression[], from: number, to: number): void {
    if (parts.length === 0) this.#at(from).skips.push(to);
    parts.reduce((at, part, index) => {
      const target = index === parts.length - 1 ? to : this.#node();
      this.#emit(part, at, target);
      return target;
    }, from);
  }

  #repeat({ of, min, max }: Extract<Expression, { kind: 'repeat' }>, from: number, to: number): void {
    // Several copies share one body.
    const copies = max === Infinity ? min + 1 : max;
    const once = (at: number, target: number): void => {
      if (copies === 1) this.#emit(of, at, target);
      else this.#at(at).calls.push({ rule: this.#ruleOf(of, of), target });
    };
    let at = from;
    for (let count = 0; count < copies; count += 1) {
      if (count >= min) this.#at(at).skips.push(to);
      const next = this.#node();
      if (max === Infinity && count === min) {
        const loop = next;
        this.#at(at).skips.push(loop);
        once(loop, loop);
        this.#at(loop).skips.push(to);
        return;
      }
      once(at, next);
      at = next;
    }
    this.#at(at).skips.push(to);
  }

  /** Knuth, Morris and Pratt's automaton: each node knows how much of the tag the text ends in. */
  #search(tag: string, from: number, to: number, absent: boolean): void {
    const bytes = [...new TextEncoder().encode(tag)];
    const nodes = bytes.map(() => this.#node());
    this.#at(from).skips.push(nodes[0] ?? to);
    nodes.forEach((node, matched) => {
      if (absent) this.#at(node).skips.push(to);
      for (let byte = 0; byte < 256; byte += 1) {
        const length = longestEnd([...bytes.slice(0, matched), byte], bytes);
        if (length === bytes.length && absent) continue;
        const target = length === bytes.length ? to : (nodes[length] ?? to);
        const last = this.#at(node).edges.at(-1);
        if (last && last.target === target && last.to === byte - 1) last.to = byte;
        else this.#at(node).edges.push({ from: byte, to: byte, target });
      }
    });
  }
}

/** Length of the longest end of `text` that `tag` begins with. */
function longestEnd(text: readonly number[], tag: readonly number[]): number {
  for (let length = Math.min(text.length, tag.length); length > 0; length -= 1) {
    const at = text.length - length;
    if (tag.slice(0, length).every((byte, index) => text[at + index] === byte)) return length;
  }
  return 0;
}

/** A rule that may begin with itself before any byte was read would begin for ever. */
function assertAdvances({ nodes, starts }: Program): void {
  const state = new Map<number, 'open' | 'done'>();
  const visit = (rule: number): void => {
    if (state.get(rule) === 'done') return;
    if (state.get(rule) === 'open') throw new FleetError('invalid_request', 'it refers to itself and to nothing else');
    state.set(rule, 'open');
    for (const begun of beginsWith(nodes, starts[rule] ?? 0)) visit(begun);
    state.set(rule, 'done');
  };
  starts.forEach((_, rule) => visit(rule));
}

/** Rules that may begin before a byte is read; any rule that does may also be empty. */
function beginsWith(nodes: readonly Node[], start: number): Set<number> {
  const begun = new Set<number>();
  const seen = new Set([start]);
  for (const at of seen) {
    const { calls = [], skips = [] } = nodes[at] ?? {};
    for (const { rule } of calls) begun.add(rule);
    for (const target of [...skips, ...calls.map((each) => each.target)]) seen.add(target);
  }
  return begun;
}
