import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Tier } from '@qwenfleet/core/fleet/tier';
import { z } from 'zod';
import { featureNames, featuresOf, look } from '../features.ts';
import { cueNames } from '../lexicon/cues.ts';
import { bucketsOf } from '../wording.ts';
import { familyOf } from './families.ts';
import { scalingOf, standardise, type Scaling } from './scaling.ts';
import { priors, tierModels } from './labels.ts';

const rowSchema = z.object({
  source: z.string(),
  task: z.string(),
  prompt: z.string(),
  scores: z.record(z.string(), z.number()),
});
const authoredSchema = z.strictObject({
  theme: z.string().min(1),
  split: z.enum(['train', 'held-out']),
  language: z.enum(['en', 'zh']),
  prompt: z.string(),
  kind: z.string().min(1),
});

export type Labels = Partial<Record<Tier, number>>;
export type Example = {
  /** File without its ending. */
  set: string;
  task: string;
  family: string;
  /** Normalised question without its options: the same one in two files has the same stem. */
  stem: string;
  prompt: string;
  chars: number;
  features: number[];
  /** The features, centred and scaled. */
  standard: Float64Array;
  /** Buckets of its words and pairs of words. */
  buckets: readonly number[];
  labels: Labels;
  /** Single models' scores, for evaluation on pairs. */
  scores: Record<string, number>;
};
/** An example before it is known how features are scaled. */
export type RawExample = Omit<Example, 'standard'>;
export type DataFile = { name: string; sha256: string; rows: number };

export const measuredSets = [
  'mmlupro',
  'routellm_mmlu',
  'routellm_gsm8k',
  'routellm_mtbench',
  'llmrouter_dc_train',
  'llmrouter_dc_test',
  'halluqa_mc',
] as const;

/** Reads and digests every measured file of `folder`. Throws what zod says when a line has another shape. */
export function readMeasured(folder: string): { examples: RawExample[]; files: DataFile[] } {
  const examples: RawExample[] = [];
  const files: DataFile[] = [];
  for (const name of measuredSets) {
    const bytes = readFileSync(path.join(folder, `${name}.jsonl.gz`));
    const rows = lines(gunzipSync(bytes).toString('utf8')).map((line) => rowSchema.parse(JSON.parse(line)));
    files.push({ name: `${name}.jsonl.gz`, sha256: sha256(bytes), rows: rows.length });
    for (const row of rows) examples.push(toExample(name.replace(/_(train|test)$/, ''), row));
  }
  return { examples, files };
}

/** The authored prompts; their labels are the priors of their kind. Themes are families: they are held out whole. */
export function readAuthored(folder: string): { train: RawExample[]; heldOut: RawExample[]; file: DataFile } {
  const bytes = readFileSync(path.join(folder, 'authored.jsonl'));
  const authored = lines(bytes.toString('utf8')).map((line) => authoredSchema.parse(JSON.parse(line)));
  const examples = authored.map((row): RawExample & { split: string } => ({
    ...describe(row.prompt),
    set: 'authored',
    task: row.kind,
    family: `authored/${row.theme}`,
    stem: `authored/${stemOf(row.prompt)}`,
    labels: priors[row.kind] ?? {},
    scores: {},
    split: row.split,
  }));
  return {
    train: examples.filter(({ split }) => split === 'train'),
    heldOut: examples.filter(({ split }) => split === 'held-out'),
    file: { name: 'authored.jsonl', sha256: sha256(bytes), rows: authored.length },
  };
}

function toExample(set: string, row: z.infer<typeof rowSchema>): RawExample {
  return {
    ...describe(row.prompt),
    set,
    task: row.task,
    family: familyOf(row.task),
    stem: stemOf(row.prompt),
    labels: labelsOf(set, row.scores),
    scores: row.scores,
  };
}

/** Buckets that the wording of a prompt is counted in, as a power of two. */
export const wordingBits = 16;

/** What the scorer sees of a prompt. */
export function describe(prompt: string): Pick<RawExample, 'prompt' | 'chars' | 'features' | 'buckets'> {
  const seen = look(prompt);
  return {
    prompt,
    chars: prompt.length,
    features: featuresOf(seen),
    buckets: bucketsOf(seen.tokens, wordingBits),
  };
}

/** Scales the features as `scaling` says, or else by these examples' own spread; cues keep zero as their centre. */
export function scaled(
  raw: readonly RawExample[],
  scaling: Scaling = scalingOf(
    raw.map(({ features }) => features),
    featureNames.indexOf(cueNames[0]),
  ),
): { examples: Example[]; scaling: Scaling } {
  return {
    examples: raw.map((example) => ({ ...example, standard: standardise(example.features, scaling) })),
    scaling,
  };
}

/** The mean score of a tier's models; a tier none of whose models was measured has no label. */
function labelsOf(set: string, scores: Record<string, number>): Labels {
  const labels: Labels = {};
  for (const [tier, models] of Object.entries(tierModels[set] ?? {})) {
    const found = models.map((model) => scores[model]).filter((score) => score !== undefined);
    // Keys of tierModels are tiers by its type; Object.entries forgets that.
    if (found.length > 0) labels[tier as Tier] = found.reduce((sum, score) => sum + score, 0) / found.length;
  }
  return labels;
}

export function stemOf(prompt: string): string {
  const question = prompt.split(/\n\s*A[.)]/, 1)[0] ?? prompt;
  return question
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '')
    .slice(0, 300);
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
