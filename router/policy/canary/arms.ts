import type { HeaderRule } from '@qwenfleet/core/fleet/router-config';

/** Percent of the requests by revision; what is left of 100 is shared by revisions that are not named. */
export type Weights = Readonly<Record<string, number>>;

export type WithRevision = { revision: string | undefined };

/** The replicas among which one share of the requests is spread. */
export type Arm<T> = { weight: number; replicas: readonly T[] };

/** Without weights there are no arms: every replica counts alike. */
export const hasArms = (weights: Weights): boolean => Object.keys(weights).length > 0;

/** Percent of the requests that a revision gets; undefined without weights. */
export const weightOf = (revision: string | undefined, weights: Weights): number | undefined =>
  hasArms(weights) ? (own(weights, revision) ?? restOf(weights)) : undefined;

/** May a replica of this revision be asked at all? A weight of zero keeps it warm and idle, but for its own header. */
export const mayAnswer = ({ revision }: WithRevision, weights: Weights, header?: HeaderRule): boolean =>
  (weightOf(revision, weights) ?? 100) > 0 || (header !== undefined && header.revision === revision);

/** The revision that a request asks for by its header; undefined when it goes by the weights. */
export const askedFor = (header: HeaderRule | undefined, valueOf: HeaderReader): string | undefined =>
  header !== undefined && valueOf(header.name) === header.value ? header.revision : undefined;
export type HeaderReader = (name: string) => string | undefined;

/** The replicas by arm, arms without weight left out. */
export function armsOf<T extends WithRevision>(replicas: readonly T[], weights: Weights): Arm<T>[] {
  if (!hasArms(weights)) return replicas.length > 0 ? [{ weight: 100, replicas }] : [];
  const named = Object.entries(weights).map(([name, weight]) => ({
    weight,
    replicas: replicas.filter(({ revision }) => revision === name),
  }));
  const others = replicas.filter(({ revision }) => own(weights, revision) === undefined);
  return [...named, { weight: restOf(weights), replicas: others }].filter(
    (arm) => arm.weight > 0 && arm.replicas.length > 0,
  );
}

/**
 * The arms that may answer a request, the drawn one first. The others carry at least as much of the traffic: where a
 * canary is full its requests go to the stable arm, and never the other way, so that a canary gets its share and no more.
 * @param ticket in [0, 1), drawn once per request: the same ticket and the same arms give the same order.
 */
export function drawArms<T>(arms: readonly Arm<T>[], ticket: number): Arm<T>[] {
  const drawn = armAt(arms, ticket);
  if (!drawn) return [];
  const larger = arms.filter((arm) => arm !== drawn && arm.weight >= drawn.weight);
  return [drawn, ...larger.toSorted((a, b) => b.weight - a.weight)];
}

function armAt<T>(arms: readonly Arm<T>[], ticket: number): Arm<T> | undefined {
  let left = ticket * arms.reduce((sum, { weight }) => sum + weight, 0);
  for (const arm of arms) {
    left -= arm.weight;
    if (left < 0) return arm;
  }
  return arms.at(-1);
}

/** Rounding must not leave a trickle for revisions that should get nothing. */
const restOf = (weights: Weights): number => {
  const rest = 100 - Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  return rest > 1e-6 ? rest : 0;
};

/** Revisions are names from outside: `constructor` is one without a weight. */
const own = (weights: Weights, revision: string | undefined): number | undefined =>
  revision !== undefined && Object.hasOwn(weights, revision) ? weights[revision] : undefined;
