import type { Chance } from './world/chance.ts';

/** What people do to the pool. Revisions by their index. */
export type Act =
  | { do: 'ask' | 'promote' | 'abort'; atMs: number; revision: number }
  | { do: 'pause'; atMs: number; forMs: number }
  | { do: 'resize'; atMs: number; maxReplicas: number }
  | { do: 'scale-by-hand'; atMs: number; replicas: number }
  | { do: 'lose-status' | 'delete'; atMs: number };

type Facts = { revisions: number; quietFromMs: number; most: number };

/** Mostly new revisions, one after the other and sometimes back; and now and then something else. */
export function actsOf({ revisions, quietFromMs, most }: Facts, chance: Chance): Act[] {
  const acts: Act[] = [];
  for (let revision = 1; revision < revisions; revision += 1) {
    const atMs = chance.between(0.05, 0.95) * quietFromMs;
    acts.push({ do: 'ask', atMs, revision });
    if (chance.happens(0.15)) {
      acts.push({ do: 'ask', atMs: atMs + chance.between(5_000, 120_000), revision: revision - 1 });
    }
    if (chance.happens(0.1)) {
      const what = chance.pick(['promote', 'abort'] as const);
      acts.push({ do: what, atMs: atMs + chance.between(1_000, 90_000), revision });
    }
  }
  const sometime = (): number => chance.between(0.05, 0.9) * quietFromMs;
  if (chance.happens(0.15)) acts.push({ do: 'pause', atMs: sometime(), forMs: chance.between(5_000, 120_000) });
  if (chance.happens(0.15)) acts.push({ do: 'resize', atMs: sometime(), maxReplicas: chance.whole(2, most + 2) });
  if (chance.happens(0.1)) acts.push({ do: 'scale-by-hand', atMs: sometime(), replicas: chance.whole(0, most + 2) });
  if (chance.happens(0.05)) acts.push({ do: 'lose-status', atMs: sometime() });
  if (chance.happens(0.05)) acts.push({ do: 'delete', atMs: sometime() });
  return acts.toSorted((a, b) => a.atMs - b.atMs);
}
