import type { Chance } from '../world/chance.ts';
import { kinds, type Kind } from './prompts.ts';

export const hourMs = 3_600_000;
export const hoursOfDay = 24;

type Mix = Readonly<Record<Kind, number>>;
/** How many ask at an hour, as a part of the busiest, and what; in between it changes evenly. */
const course: readonly { hour: number; rate: number; mix: Mix }[] = [
  { hour: 0, rate: 0.3, mix: { chat: 60, work: 20, hard: 5, exam: 15 } },
  { hour: 3, rate: 0.25, mix: { chat: 10, work: 5, hard: 5, exam: 80 } },
  { hour: 6, rate: 0.3, mix: { chat: 40, work: 10, hard: 5, exam: 45 } },
  { hour: 9, rate: 0.8, mix: { chat: 30, work: 50, hard: 15, exam: 5 } },
  { hour: 11, rate: 1, mix: { chat: 15, work: 50, hard: 30, exam: 5 } },
  { hour: 13, rate: 0.7, mix: { chat: 45, work: 35, hard: 15, exam: 5 } },
  { hour: 15, rate: 1, mix: { chat: 10, work: 40, hard: 45, exam: 5 } },
  { hour: 18, rate: 0.7, mix: { chat: 50, work: 35, hard: 10, exam: 5 } },
  { hour: 21, rate: 0.9, mix: { chat: 80, work: 15, hard: 2, exam: 3 } },
  { hour: 24, rate: 0.3, mix: { chat: 60, work: 20, hard: 5, exam: 15 } },
];

/** A program that asks hard things, many times as often as everybody else. */
type Burst = { fromMs: number; toMs: number; times: number; kind: Kind };
const burstMs = 6 * 60_000;

/** A day's requests under one seed: when the next comes, and what it asks. */
export class Traffic {
  readonly bursts: readonly Burst[];
  readonly #chance: Chance;
  readonly #prompts: Readonly<Record<Kind, readonly string[]>>;
  readonly #perSecondMax: number;

  /** @param perSecondMax requests a second at the busiest hour, bursts left out. */
  constructor(chance: Chance, prompts: Readonly<Record<Kind, readonly string[]>>, perSecondMax: number) {
    this.#chance = chance;
    this.#prompts = prompts;
    this.#perSecondMax = perSecondMax;
    this.bursts = [
      this.#burst(chance.between(1, 8), 'hard'),
      this.#burst(chance.between(10, 16), 'exam'),
      this.#burst(chance.between(18, 23), 'hard'),
    ];
  }

  perSecond(nowMs: number): number {
    return this.#perSecondMax * at(nowMs).rate * (this.#burstAt(nowMs)?.times ?? 1);
  }

  /** Time until the next request: exponential at the rate of now. */
  gapMs(nowMs: number): number {
    return (-Math.log(1 - this.#chance.rng()) / this.perSecond(nowMs)) * 1_000;
  }

  next(nowMs: number): { kind: Kind; prompt: string } {
    const burst = this.#burstAt(nowMs);
    const kind =
      burst && this.#chance.happens(1 - 1 / burst.times) ? burst.kind : drawn(at(nowMs).mix, this.#chance.rng());
    const prompts = this.#prompts[kind];
    return { kind, prompt: prompts[Math.floor(this.#chance.rng() * prompts.length)] ?? '' };
  }

  #burst(hour: number, kind: Kind): Burst {
    return { fromMs: hour * hourMs, toMs: hour * hourMs + burstMs, times: this.#chance.between(2, 5), kind };
  }

  #burstAt(nowMs: number): Burst | undefined {
    return this.bursts.find(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs);
  }
}

/** Rate and mix at a time of the day. */
function at(nowMs: number): { rate: number; mix: Mix } {
  const hour = (nowMs / hourMs) % hoursOfDay;
  const next = course.findIndex((point) => point.hour > hour);
  const [a, b] = [course[next - 1], course[next]];
  if (!a || !b) throw new RangeError(`the day has no hour ${hour}`);
  const part = (hour - a.hour) / (b.hour - a.hour);
  const between = (from: number, to: number): number => from + (to - from) * part;
  const mix = Object.fromEntries(kinds.map((kind) => [kind, between(a.mix[kind], b.mix[kind])])) as Mix;
  return { rate: between(a.rate, b.rate), mix };
}

function drawn(mix: Mix, ticket: number): Kind {
  let left = ticket * kinds.reduce((sum, kind) => sum + mix[kind], 0);
  for (const kind of kinds) {
    left -= mix[kind];
    if (left < 0) return kind;
  }
  return 'chat';
}
