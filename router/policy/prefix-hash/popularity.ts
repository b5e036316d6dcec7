import type { PromptKeys } from './keys.ts';

/** Beginnings that are counted; others are taken for rare. */
const countedMax = 256;
/** Requests that the counts remember: every so many they are halved. */
const rememberedMax = 4_096;
/** Fewer requests than this say nothing of shares. */
const knownMin = 64;
/** Replicas' worth of traffic from which a beginning is split, and under which it is put together again. */
const split = { from: 0.5, until: 0.25 };

type Group = { count: number; large: boolean };

/**
 * How much of a pool's traffic begins alike, and with it which key a prompt goes by. Instructions that few requests share
 * would be pushed out of every cache if those were spread, so they go to one replica; where many share them they are in
 * all caches anyway, and each conversation goes by its own key. Each router counts for itself: those that see the same
 * mix come to the same result, and where they do not a request finds a colder cache and nothing worse.
 */
export class Popularity {
  /** By shared key. */
  readonly #groups = new Map<number, Group>();
  #total = 0;

  /** The key that a prompt goes by, and counts it. */
  keyOf({ shared, own }: PromptKeys, replicas: number): number {
    const group = this.#groups.get(shared) ?? this.#admit(shared);
    group.count += 1;
    this.#total += 1;
    if (this.#total >= knownMin) {
      const share = (group.count / this.#total) * replicas;
      group.large = share >= (group.large ? split.until : split.from);
    }
    if (this.#total >= rememberedMax) this.#halve();
    return group.large ? own : shared;
  }

  /** A beginning that is not counted yet; where there is no room the rarest makes way, and its count stays (Space-Saving, Metwally et al. 2005). */
  #admit(shared: number): Group {
    const group: Group = { count: 0, large: true };
    if (this.#groups.size >= countedMax) {
      let rarest = shared;
      group.count = Infinity;
      for (const [other, { count }] of this.#groups) {
        if (count >= group.count) continue;
        rarest = other;
        group.count = count;
      }
      this.#groups.delete(rarest);
    }
    this.#groups.set(shared, group);
    return group;
  }

  #halve(): void {
    this.#total = 0;
    for (const [shared, group] of this.#groups) {
      group.count = Math.floor(group.count / 2);
      if (group.count === 0) this.#groups.delete(shared);
      this.#total += group.count;
    }
  }
}
