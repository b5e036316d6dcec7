import { z } from 'zod';

export const tiers = ['small', 'medium', 'large'] as const;
export type Tier = (typeof tiers)[number];

/** The document's words stay usable: a 7B pool is the small tier. */
export const tierAliases: ReadonlyMap<string, Tier> = new Map([
  ['7b', 'small'],
  ['13b', 'medium'],
  ['70b', 'large'],
]);

/** A tier by its name or alias. */
export const tierOf = (name: string): Tier | undefined =>
  tierAliases.get(name.toLowerCase()) ?? tiers.find((tier) => tier === name);

export const tierSchema = z.enum(tiers);
