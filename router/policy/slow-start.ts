/** How long a replica counts as new: its caches are empty, and its first answers are slower than it will be. */
const newMs = 30_000;
/** What a replica is given at first, so that something is learned of it (Envoy's min_weight_percent: 10 %). */
const weightMin = 0.1;

/**
 * The weight of a replica that has been ready so long, beside one that is not new: it rises evenly, as Envoy's slow start
 * does with an aggression of 1. Weights are relative, so where every replica is new nobody waits for anything.
 */
export const slowStart = (readyForMs: number): number => Math.min(1, Math.max(weightMin, readyForMs / newMs));
