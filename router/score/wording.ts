import { z } from 'zod';
import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';

/** Weights per bucket of hashed words, pairs of words, Chinese characters and pairs of them: bytes in base64, per tier. */
export const wordingSchema = z.strictObject({
  bits: z.int().min(8).max(18),
  /** Log-odds of one step of a byte. */
  step: z.number().positive(),
  small: z.base64(),
  medium: z.base64(),
  large: z.base64(),
});
export type PackedWording = z.infer<typeof wordingSchema>;
/** The same, ready to be added up. */
export type Wording = { bits: number; step: number } & Record<Tier, Int8Array>;

/** Buckets of prompts with many words are read up to here; a sample has about 1,500. */
const bucketsMax = 4096;
const bitsMax = 18;
const seen = { at: new Uint32Array(1 << bitsMax), round: 0 };

/**
 * Buckets of a prompt's words and neighbouring pairs, each once, in [0, 2 ** bits). Tokens as `scan` makes them: `.`
 * ends a sentence, so no pair spans it.
 */
export function bucketsOf(tokens: readonly string[], bits: number): number[] {
  const mask = (1 << bits) - 1;
  const found: number[] = [];
  seen.round = (seen.round + 1) >>> 0;
  let before = 0;
  for (const token of tokens) {
    if (found.length >= bucketsMax) break;
    if (token === '.') {
      before = 0;
      continue;
    }
    const own = hash(token);
    // A number or a single letter says little alone.
    if (token.length > 1 || token.charCodeAt(0) > 0x2e80) add(mixed(own) & mask, found);
    if (before !== 0) add(mixed(Math.imul(before, 0x9e3779b1) ^ own) & mask, found);
    before = own;
  }
  return found;
}

/** Log-odds that the wording adds, per tier. Divided by the root of the number of buckets, so that length says nothing. */
export function wordingLogits(wording: Wording, tokens: readonly string[]): Record<Tier, number> {
  const buckets = bucketsOf(tokens, wording.bits);
  const { step, small, medium, large } = wording;
  const sum = { small: 0, medium: 0, large: 0 };
  // One tier after another by its name: looked up by a variable it takes three times as long.
  for (const bucket of buckets) {
    sum.small += small[bucket] ?? 0;
    sum.medium += medium[bucket] ?? 0;
    sum.large += large[bucket] ?? 0;
  }
  const factor = buckets.length === 0 ? 0 : step / Math.sqrt(buckets.length);
  return { small: sum.small * factor, medium: sum.medium * factor, large: sum.large * factor };
}

export function packWording(bits: number, weights: Record<Tier, Float64Array>): PackedWording {
  let largest = 1e-6;
  for (const tier of tiers) for (const weight of weights[tier]) largest = Math.max(largest, Math.abs(weight));
  const step = largest / 127;
  const pack = (tier: Tier): string =>
    Buffer.from(Int8Array.from(weights[tier], (weight) => Math.round(weight / step)).buffer).toString('base64');
  return { bits, step, small: pack('small'), medium: pack('medium'), large: pack('large') };
}

export function unpackWording({ bits, step, ...packed }: PackedWording): Wording {
  const unpack = (tier: Tier): Int8Array => new Int8Array(Buffer.from(packed[tier], 'base64'));
  return { bits, step, small: unpack('small'), medium: unpack('medium'), large: unpack('large') };
}

/** FNV-1a over the token's UTF-16 units; never 0, which means that nothing stands before. */
function hash(token: string): number {
  let so = 0x811c9dc5;
  for (let at = 0; at < token.length; at++) so = Math.imul(so ^ token.charCodeAt(at), 0x01000193);
  return so === 0 ? 1 : so;
}

function mixed(value: number): number {
  const once = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (once ^ (once >>> 12)) >>> 0;
}

function add(bucket: number, found: number[]): void {
  if (seen.at[bucket] === seen.round) return;
  seen.at[bucket] = seen.round;
  found.push(bucket);
}
