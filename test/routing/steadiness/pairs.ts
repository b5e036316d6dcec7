import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../house/imports.ts';

/** The same request in two languages, and in other words; written for this repository. */
export type PromptPair = {
  kind: string;
  level: 'easy' | 'middle' | 'hard';
  en: string;
  zh: string;
  /** Of `en`. */
  paraphrase: string;
};

/** `data/routing/pairs.jsonl`: 100 pairs. */
export const promptPairs = (): PromptPair[] =>
  readFileSync(path.join(root, 'data/routing/pairs.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    // The file is ours, and its test reads every field of it.
    .map((line) => JSON.parse(line) as PromptPair);
