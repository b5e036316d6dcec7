import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Tier } from '@qwenfleet/core/fleet/tier';
import { z } from 'zod';
import { featuresOf, look } from '../features.ts';
import { familyOf } from './families.ts';
import { priors, tierModels } from './labels.ts';

const rowSchema = z.object({
  source: z.string(),
  task: z.string(),
  prompt: z.string(),
  scores: z.record(z.string(), z.number()),
});
const ownSchema = z.object({
  task: z.string().min(1),
  prompt: z.string(),
  scores: z.partialRecord(z.enum(['small', 'medium', 'large']), z.number().min(0).max(1)),
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
  chars: number;
  features: number[];
  labels: Labels;
  /** Single models' scores, for evaluation on pairs. */
  scores: Record<string, number>;
};
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
export function readMeasured(folder: string): { examples: Example[]; files: DataFile[] } {
  const examples: Example[] = [];
  const files: DataFile[] = [];
  for (const name of measuredSets) {
    const bytes = readFileSync(path.join(folder, `${name}.jsonl.gz`));
    const rows = lines(gunzipSync(bytes).toString('utf8')).map((line) => rowSchema.parse(JSON.parse(line)));
    files.push({ name: `${name}.jsonl.gz`, sha256: sha256(bytes), rows: rows.length });
    for (const row of rows) examples.push(toExample(name.replace(/_(train|test)$/, ''), row));
  }
  return { examples, files };
}

/** Labels from a reader's own pools: JSON lines of `{task, prompt, scores: {small, medium, large}}`, scores in [0, 1]. */
export function readOwn(file: string): { examples: Example[]; file: DataFile } {
  const bytes = readFileSync(file);
  const rows = lines(bytes.toString('utf8')).map((line) => ownSchema.parse(JSON.parse(line)));
  return {
    examples: rows.map((row) => toExample('own', { ...row, source: 'own' })),
    file: { name: path.basename(file), sha256: sha256(bytes), rows: rows.length },
  };
}

/** The authored prompts; their labels are the priors of their kind. Themes are families: they are held out whole. */
export function readAuthored(folder: string): { train: Example[]; heldOut: Example[]; file: DataFile } {
  const bytes = readFileSync(path.join(folder, 'authored.jsonl'));
  const authored = lines(bytes.toString('utf8')).map((line) => authoredSchema.parse(JSON.parse(line)));
  const examples = authored.map((row): Example & { split: string } => ({
    set: 'authored',
    task: row.kind,
    family: `authored/${row.theme}`,
    stem: `authored/${stemOf(row.prompt)}`,
    chars: row.prompt.length,
    features: featuresOf(look(row.prompt)),
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

function toExample(set: string, row: z.infer<typeof rowSchema>): Example {
  return {
    set,
    task: row.task,
    family: familyOf(row.task),
    stem: stemOf(row.prompt),
    chars: row.prompt.length,
    features: featuresOf(look(row.prompt)),
    labels: labelsOf(set, row.scores),
    scores: row.scores,
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

function stemOf(prompt: string): string {
  const question = prompt.split(/\n\s*A[.)]/, 1)[0] ?? prompt;
  return question
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '')
    .slice(0, 300);
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
