/**
 * A hash of the first characters of a text, 32 bits, the same in every process: FNV-1a (Fowler, Noll, Vo), then mixed.
 * @param charsMax how much of the text is looked at, so that a long one costs no more.
 */
export function hashText(text: string, seed: number, charsMax: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  const end = Math.min(text.length, charsMax);
  for (let at = 0; at < end; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash ^ end);
}

/** Two numbers to one, in which each bit depends on all bits of both. */
export const join = (a: number, b: number): number => mix(mix(a) + Math.imul(b, 0x9e3779b1));

/** MurmurHash3's finalizer (Austin Appleby, public domain). */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
