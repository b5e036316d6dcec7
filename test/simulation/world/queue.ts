type Entry = { atMs: number; order: number; run: () => void };

/** What happens next, on a clock that stands still in between: a binary heap, in the order of time and of arrival. */
export class EventQueue {
  nowMs = 0;
  readonly #heap: Entry[] = [];
  #order = 0;

  at(atMs: number, run: () => void): void {
    this.#order += 1;
    const entry = { atMs: Math.max(atMs, this.nowMs), order: this.#order, run };
    let place = this.#heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent];
      if (!above || before(above, entry)) break;
      this.#heap[place] = above;
      place = parent;
    }
    this.#heap[place] = entry;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Runs again and again, until it says false. */
  every(periodMs: number, run: () => boolean | void): void {
    this.after(periodMs, () => {
      if (run() !== false) this.every(periodMs, run);
    });
  }

  /** Runs what is due until the time, or until somebody says that it is over. */
  runUntil(untilMs: number, isOver: () => boolean): void {
    while (!isOver() && this.step(untilMs));
  }

  /** Runs the next thing that is due by then; false when there is none. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (!next || next.atMs > untilMs) return false;
    this.#pop();
    this.nowMs = next.atMs;
    next.run();
    return true;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const [left, right] = [this.#heap[child], this.#heap[child + 1]];
      if (!left) break;
      if (right && before(right, left)) child += 1;
      const smaller = this.#heap[child];
      if (!smaller || before(last, smaller)) break;
      this.#heap[place] = smaller;
      place = child;
    }
    this.#heap[place] = last;
  }
}

const before = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
