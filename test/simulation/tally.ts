import type { Result, Seen } from './simulate.ts';

/** Many seeds as a few figures. */
export class Tally {
  readonly failed: { seed: number; failure: string }[] = [];
  readonly seen: Partial<Seen> = {};
  seeds = 0;
  #simulatedMs = 0;
  readonly #convergedMs: number[] = [];

  add({ seed, failure, simulatedMs, convergedMs, seen }: Result): void {
    this.seeds += 1;
    this.#simulatedMs += simulatedMs;
    // Its keys are those of `Seen`.
    for (const [what, count] of Object.entries(seen) as [keyof Seen, number][]) {
      this.seen[what] = (this.seen[what] ?? 0) + count;
    }
    if (failure === undefined) this.#convergedMs.push(convergedMs);
    else this.failed.push({ seed, failure });
  }

  get simulatedHours(): number {
    return Math.round(this.#simulatedMs / 3_600_000);
  }

  /** From the last fault to rest, for the slowest seed that got there. */
  get convergedMinutesMax(): number {
    return Math.round(this.#convergedMs.reduce((most, ms) => Math.max(most, ms), 0) / 60_000);
  }

  get text(): string {
    const { faults, acts, processes, leaders, rollouts, broughtIn, takenBack, writes } = this.seen;
    return (
      `${this.seeds} seeds, ${this.simulatedHours} h simulated: ${faults} faults, ${acts} acts of people, ` +
      `${processes} operator processes of which ${leaders} led, ${rollouts} rollouts begun, ${broughtIn} brought in, ` +
      `${takenBack} taken back, ${writes} writes; at rest ${this.convergedMinutesMax} min after the last fault at most`
    );
  }
}
