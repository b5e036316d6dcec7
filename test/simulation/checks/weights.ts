import { readyOf } from '@qwenfleet/operator/rollout/shift';
import { viewsOf } from '../world/picture.ts';
import type { Turn } from '../world/reconciler.ts';

/** Weights are whole percents that add up, and none goes where nobody answers while somebody does elsewhere. */
export function weightsProblem({ picture, decision }: Turn): string | undefined {
  const { weights } = decision.traffic;
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  if (total !== 100) return `weights add up to ${total}: ${JSON.stringify(weights)}`;
  const views = viewsOf(picture, { weightOf: () => 0, nowMs: 0, beganMs: 0 }).map((view) => ({
    ...view,
    replicas: Math.min(view.replicas, decision.replicas[view.revision] ?? 0),
  }));
  const answers = new Set(views.filter((view) => readyOf(view) > 0).map(({ revision }) => revision));
  const lost = Object.entries(weights).find(([revision, weight]) => weight > 0 && !answers.has(revision));
  return lost && answers.size > 0
    ? `${lost[1]} % go to ${lost[0]}, of which no replica is ready, and ${[...answers].join(', ')} answers`
    : undefined;
}
