import type { Limits } from './shift.ts';

/**
 * Replicas of two revisions that share the traffic by weight, side by side within the cap; undefined where there is
 * room for one replica only, so that nothing can be compared.
 *
 * @example split(4, 5, { surge: 0, unavailable: 1 }) // { stable: 3, update: 1 }
 */
export function split(
  desired: number,
  weight: number,
  { surge }: Limits,
): { stable: number; update: number } | undefined {
  const cap = desired + surge;
  if (desired === 0 || cap < 2) return undefined;
  if (weight >= 100) return { stable: 0, update: desired };
  const update = Math.min(Math.max(1, Math.ceil((desired * weight) / 100)), cap - 1);
  const stable = Math.min(Math.max(1, Math.ceil((desired * (100 - weight)) / 100)), cap - update);
  return { stable, update };
}
