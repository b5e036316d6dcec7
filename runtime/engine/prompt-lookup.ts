/** The shortest and longest end of a text that is looked for in it: one token comes again by chance too often. */
const matchTokensMin = 2;
const matchTokensMax = 8;
/** How far back it is looked for; a look takes some microseconds. */
const lookBackTokens = 4096;

/**
 * What may come next in a text, from the text itself: what followed the last time that its end stood in it, the longest
 * such end first (Saxena's prompt lookup, 2023). A text that repeats itself goes on so.
 * @returns `count` tokens, or none.
 */
export function lookUp(tokens: readonly number[], count: number): number[] {
  const from = count > 0 ? bestMatch(tokens) : undefined;
  if (from === undefined) return [];
  const found: number[] = [];
  // Behind the end of the text follows what was found of it.
  for (let at = from; found.length < count; at += 1) found.push(tokens[at] ?? found[at - tokens.length] ?? 0);
  return found;
}

/** Where the text goes on after its longest match; of several, the last. */
function bestMatch(tokens: readonly number[]): number | undefined {
  const { length } = tokens;
  let best: number | undefined;
  let longest = matchTokensMin - 1;
  for (let end = length - 1; end > Math.max(0, length - lookBackTokens) && longest < matchTokensMax; end -= 1) {
    const matched = matchAt(tokens, end);
    if (matched <= longest) continue;
    longest = matched;
    best = end;
  }
  return best;
}

/** How many tokens before `end` are those that the text ends with. */
function matchAt(tokens: readonly number[], end: number): number {
  const { length } = tokens;
  let matched = 0;
  while (matched < matchTokensMax && matched < end && tokens[end - 1 - matched] === tokens[length - 1 - matched])
    matched += 1;
  return matched;
}
