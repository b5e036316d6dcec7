import { emptyHistogram, observe, type LatencyHistogram } from '@qwenfleet/core/load/histogram';

/** What a pool or one of its revisions has done since the router started. */
export type Totals = { requestsTotal: number; errorsTotal: number; firstByte: LatencyHistogram };

const empty = (): Totals => ({ requestsTotal: 0, errorsTotal: 0, firstByte: emptyHistogram() });
const copy = (totals: Totals): Totals => ({
  ...totals,
  firstByte: { ...totals.firstByte, counts: [...totals.firstByte.counts] },
});

/** Counts requests, errors and times to the first byte, of the whole pool and of each revision. */
export class Tally {
  readonly #pool = empty();
  readonly #revisions = new Map<string, Totals>();

  sent(revision: string | undefined): void {
    for (const totals of this.#both(revision)) totals.requestsTotal += 1;
  }

  failed(revision: string | undefined): void {
    for (const totals of this.#both(revision)) totals.errorsTotal += 1;
  }

  began(revision: string | undefined, tookMs: number): void {
    for (const totals of this.#both(revision)) observe(totals.firstByte, tookMs);
  }

  get pool(): Totals {
    return copy(this.#pool);
  }

  revision(name: string): Totals {
    return copy(this.#revisions.get(name) ?? empty());
  }

  /** Forgets revisions that are gone, so that rollouts do not pile up. */
  keep(revisions: ReadonlySet<string>): void {
    for (const name of this.#revisions.keys()) if (!revisions.has(name)) this.#revisions.delete(name);
  }

  #both(revision: string | undefined): Totals[] {
    if (revision === undefined) return [this.#pool];
    const known = this.#revisions.get(revision) ?? empty();
    this.#revisions.set(revision, known);
    return [this.#pool, known];
  }
}
