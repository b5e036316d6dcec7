import { seededRng } from '@qwenfleet/core/rng';
import { stepsMax, type KvCache, type KvShape } from './kv-cache.ts';

/** Tokens at random: what a model makes of them is as large as what it makes of text. */
const tokensMax = 256;
const seed = 1;
/** Room above the largest that was seen. */
const margin = 1.2;
/** A first guess, of which four passes or five make the scales. */
const firstScale = 1 / 16;
const passesMax = 12;
/** After a pass in which a channel was cut off: how large it is, is not known. */
const growth = 16;
/** Of a channel that is always nought. */
const scaleMin = 1e-6;
/** A scale that changes by less is as good as found. */
const settledRatio = 1.05;

/**
 * Finds the scale of each channel of a cache in int8: computes a text, sees how large keys and values were, and again with
 * scales of that size, until they stay as they are. What is in slot 0 is lost.
 * @param compute computes tokens from nothing in slot 0
 */
export async function findScales(
  cache: KvCache,
  shape: KvShape & { vocabularySize: number },
  slotTokens: number,
  compute: (tokens: readonly number[]) => Promise<unknown>,
): Promise<void> {
  const rng = seededRng(seed);
  const length = Math.min(tokensMax, slotTokens);
  const tokens = Array.from({ length }, () => Math.floor(rng() * shape.vocabularySize));
  cache.scales.fill(firstScale);
  for (let pass = 0; pass < passesMax; pass += 1) {
    await compute(tokens);
    const next = nextScales(cache.scales, cache.largestSteps(length), shape);
    const settled = cache.scales.every((scale, at) => {
      const ratio = scale / (next[at] ?? 0);
      return ratio < settledRatio && ratio > 1 / settledRatio;
    });
    cache.scales.set(next);
    if (settled) return;
  }
}

/**
 * Scales after a pass, from the most steps that each channel had in it. Channels of a key are turned in pairs, by an angle
 * that goes by the position: whichever it is, both stay below the length of the pair.
 */
export function nextScales(
  scales: Float32Array,
  steps: Uint8Array,
  { keyValueHeads, headSize }: KvShape,
): Float32Array {
  const channels = keyValueHeads * headSize;
  const half = headSize / 2;
  return scales.map((scale, at) => {
    const ofKeys = Math.floor(at / channels) % 2 === 0;
    const partner = at % headSize < half ? at + half : at - half;
    const own = steps[at] ?? 0;
    const other = ofKeys ? (steps[partner] ?? 0) : 0;
    const otherScale = ofKeys ? (scales[partner] ?? 0) : 0;
    if (Math.max(own, other) >= stepsMax) return Math.max(scale, otherScale) * growth;
    // Half a step may have been rounded away.
    const largest = Math.hypot((own + 0.5) * scale, other * otherScale);
    return Math.max(scaleMin, (largest * margin) / stepsMax);
  });
}
