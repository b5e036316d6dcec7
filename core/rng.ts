/** Chance as a parameter: numbers in [0, 1). */
export type Rng = () => number;

/** Deterministic generator (mulberry32, Tommy Ettinger, public domain): 32 bits of state, one per sequence or test. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A fresh seed for callers that were given none; the seed is what gets logged. */
export const randomSeed = (): number => Math.floor(Math.random() * 0x1_0000_0000);
