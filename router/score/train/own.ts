import { readFileSync } from 'node:fs';
import path from 'node:path';
import { FleetError, describeError } from '@qwenfleet/core/errors';
import { tierOf, tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import { describeIssues } from '@qwenfleet/core/config';
import { z } from 'zod';
import { describe, sha256, stemOf, type DataFile, type RawExample } from './data.ts';
import { mean } from './metrics.ts';

const lineSchema = z.strictObject({
  prompt: z.string().min(1).max(1_000_000),
  /** By pool or tier: 1 is a good answer, 0 a bad one. */
  scores: z.record(z.string().min(1), z.number().min(0).max(1)),
  /** What kind of prompt it is, where that is known: tables are broken down by it. */
  task: z.string().min(1).max(200).optional(),
});

/** Problems told before the rest are counted, and lines of a file, at most. */
const problemsMax = 10;
const linesMax = 1_000_000;

export type Own = { examples: RawExample[]; file: DataFile; tiers: Tier[] };

/**
 * Labels from one's own pools: JSON lines of `{prompt, scores: {pool: 0 to 1}, task?}`. Pools are tiers or their aliases,
 * or names that `tierOfPool` knows. Throws `invalid_config` naming file, line and field of what is wrong.
 */
export function readOwn(file: string, tierOfPool: ReadonlyMap<string, Tier> = new Map()): Own {
  const name = path.basename(file);
  const bytes = read(file, name);
  const problems: string[] = [];
  const examples: RawExample[] = [];
  const lines = bytes.toString('utf8').split('\n');
  if (lines.length > linesMax) {
    throw new FleetError(
      'invalid_config',
      `${name} has ${lines.length} lines; at most ${linesMax} are read. Sample it.`,
    );
  }
  for (const [at, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const read = readLine(line, tierOfPool);
    if (typeof read === 'string') problems.push(`line ${at + 1}: ${read}`);
    else examples.push(read);
  }
  if (problems.length > 0) {
    const more = problems.length - problemsMax;
    const told = [...problems.slice(0, problemsMax), ...(more > 0 ? [`and ${more} lines more`] : [])];
    throw new FleetError('invalid_config', `${name} is not valid:\n${told.join('\n')}`, { param: problems[0] });
  }
  const found = tiers.filter((tier) => examples.some(({ labels }) => labels[tier] !== undefined));
  if (found.length < 2) {
    throw new FleetError(
      'invalid_config',
      `${name} has scores for ${found.length === 0 ? 'no pool' : `the ${found[0]} tier alone`}; routing is learnt from at least two pools of different tiers.`,
      { param: 'scores' },
    );
  }
  return { examples, file: { name, sha256: sha256(bytes), rows: examples.length }, tiers: found };
}

function readLine(line: string, tierOfPool: ReadonlyMap<string, Tier>): RawExample | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    return `not JSON: ${describeError(error)}`;
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) return describeIssues(parsed.error).replaceAll('\n', '; ');
  const { prompt, scores, task = 'own' } = parsed.data;
  const byTier = new Map<Tier, number[]>();
  for (const [pool, score] of Object.entries(scores)) {
    const tier = tierOfPool.get(pool) ?? tierOf(pool);
    if (tier === undefined) {
      return `scores.${pool}: not a tier (small, medium, large, 7b, 13b, 70b); say which it is with --pool ${pool}=TIER`;
    }
    byTier.set(tier, [...(byTier.get(tier) ?? []), score]);
  }
  if (byTier.size === 0) return 'scores: empty; give the score of at least one pool';
  const labels: Partial<Record<Tier, number>> = {};
  for (const [tier, values] of byTier) labels[tier] = mean(values);
  return { ...describe(prompt), set: 'own', task, family: task, stem: stemOf(prompt), labels, scores: { ...labels } };
}

function read(file: string, name: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FleetError('invalid_config', `${name} cannot be read: ${describeError(cause)}`, { cause });
  }
}
