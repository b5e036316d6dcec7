import type { Example } from './data.ts';
import { untrainedFamilies } from './labels.ts';

/** What is held out whole: single questions, tasks (subjects, categories), families of tasks over all files, or files. */
export const splitNames = ['questions', 'tasks', 'families', 'files'] as const;
export type SplitName = (typeof splitNames)[number];
export type Fold = { train: Example[]; held: Example[] };

const foldCounts: Record<SplitName, number> = { questions: 5, tasks: 6, families: 6, files: Infinity };
const keyOf: Record<SplitName, (example: Example) => string> = {
  questions: ({ stem }) => stem,
  tasks: ({ set, family, task }) => (set === 'authored' ? family : task),
  families: ({ family }) => family,
  files: ({ set }) => set,
};

/**
 * Every example is held out once. Keys are dealt to folds in the order of their names; no fold is trained on a question
 * that it holds out, whichever file it came from, and authored prompts are never a held-out file.
 */
export function foldsOf(examples: readonly Example[], split: SplitName): Fold[] {
  const key = keyOf[split];
  const isHeld = (example: Example): boolean => split !== 'files' || example.set !== 'authored';
  const keys = [...new Set(examples.filter(isHeld).map(key))].sort();
  const count = Math.min(foldCounts[split], keys.length);
  const foldOf = new Map(keys.map((name, at) => [name, at % count]));
  return Array.from({ length: count }, (_, fold) => {
    const held = examples.filter((example) => isHeld(example) && foldOf.get(key(example)) === fold);
    const gone = new Set(held);
    const stems = new Set(held.map(({ stem }) => stem));
    const train = examples.filter((example) => !gone.has(example) && !stems.has(example.stem) && isTrained(example));
    return { train, held };
  });
}

export const isTrained = ({ family, labels }: Example): boolean =>
  !untrainedFamilies.includes(family) && Object.keys(labels).length > 0;
