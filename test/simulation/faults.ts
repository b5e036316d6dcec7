import type { Chance } from './world/chance.ts';

const blows = ['pod-crash', 'node-loss', 'router-restart', 'operator-killed', 'operator-stopped'] as const;
const spells = [
  'operator-frozen',
  'operator-cut-off',
  'watch-silent',
  'router-silent',
  'api-down',
  'nothing-placed',
] as const;

/** What goes wrong, at once or for a while. */
export type Fault =
  | { kind: (typeof blows)[number]; atMs: number }
  | { kind: (typeof spells)[number]; atMs: number; forMs: number };

/** Over before it is quiet. */
export function faultsOf(quietFromMs: number, chance: Chance): Fault[] {
  return Array.from({ length: chance.whole(0, 9) }, (): Fault => {
    const atMs = chance.between(0.02, 0.9) * quietFromMs;
    if (chance.happens(0.4)) return { kind: chance.pick(blows), atMs };
    const forMs = Math.min(chance.between(2_000, 90_000), quietFromMs - atMs);
    return { kind: chance.pick(spells), atMs, forMs };
  }).toSorted((a, b) => a.atMs - b.atMs);
}
