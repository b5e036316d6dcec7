/** How long streams of a replica take to begin, as an estimate. */
export type Beginning = {
  /** What it would be for a small request: long prompts take long anywhere. */
  paceMs: number;
  /** What clients see. */
  firstByteMs: number;
};

/** So many times the pace of the others is not chance, nor a colder cache. */
const timesMax = 4;
/** Below this nobody is slow: milliseconds differ for many reasons. */
const firstByteMsMin = 1_000;
/** Share of the replicas that may be slow at the same time, rounded down but for the first (Envoy ejects 10 %, of larger sets). */
const shareMax = 1 / 3;

/**
 * Which replicas begin their answers far later than the others do, the slowest first. Pure.
 * @param beginnings undefined where nothing is known, which is no evidence of anything.
 */
export function slowReplicas(beginnings: readonly (Beginning | undefined)[]): readonly number[] {
  if (!beginnings.some((beginning) => beginning && beginning.firstByteMs >= firstByteMsMin)) return [];
  const known = beginnings.flatMap((beginning, at) => (beginning ? [{ ...beginning, at }] : []));
  const slow = known.filter(
    ({ at, paceMs, firstByteMs }) =>
      firstByteMs >= firstByteMsMin && paceMs > timesMax * middle(known.filter((other) => other.at !== at)),
  );
  const most = Math.max(1, Math.floor(beginnings.length * shareMax));
  return slow
    .toSorted((a, b) => b.paceMs - a.paceMs)
    .slice(0, most)
    .map(({ at }) => at);
}

/** The median pace, of an even number the slower one; without anybody to compare with nobody is slow. */
function middle(others: readonly Beginning[]): number {
  const sorted = others.map(({ paceMs }) => paceMs).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Infinity;
}
