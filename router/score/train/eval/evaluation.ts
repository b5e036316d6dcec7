import type { Tier } from '@qwenfleet/core/fleet/tier';
import type { Example } from '../data.ts';
import {
  byTask,
  bySet,
  calibrationByTier,
  hullFor,
  summaryOf,
  ways,
  type SetRow,
  type TaskRow,
  type Way,
} from '../evaluate.ts';
import type { Settings } from '../fit.ts';
import { heldOut } from '../held-out.ts';
import type { Hull } from '../hull.ts';
import { pairs, trio } from '../labels.ts';
import type { Interval } from '../metrics.ts';
import type { SplitName } from '../splits.ts';

export type SplitResult = {
  split: SplitName;
  rows: SetRow[];
  /** Distance to prompt length over the larger sets together. */
  pooled: Interval;
  summary: ReturnType<typeof summaryOf>;
  calibration: Record<Tier, number>;
  hull: { id: string; costs: Record<Tier, number> } & Hull;
  tasks: TaskRow[];
};
export type Evaluation = { prompts: number; seed: number; litellm: string; splits: SplitResult[] };

/** How each split is meant, for people. */
export const splitWords: Record<SplitName, string> = {
  questions: 'Questions held out: in domain, tasks and models are known',
  tasks: 'Tasks held out: subjects, categories and tasks that were not trained on',
  families: 'Families held out: with every related subject of every file',
  files: 'Files held out: zero-shot, nothing of its models, format or questions was trained on',
};

/** Evaluates one way of holding out. `liteLlm` gives its score of an example, where there is one. */
export function evaluateSplit(
  examples: readonly Example[],
  split: SplitName,
  of: {
    settings: Settings;
    costs: Record<Tier, number>;
    liteLlm: ((example: Example) => number) | undefined;
    onFold: (done: number, total: number) => void;
  },
): SplitResult {
  const held = heldOut(examples, split, of.settings, of.onFold);
  const { liteLlm } = of;
  const rivals: Way[] = liteLlm ? [{ name: 'LiteLLM', want: ({ example }) => liteLlm(example) }] : [];
  const { rows, pooled } = bySet(held, { ways: [...ways, ...rivals], pairs, seed: of.settings.seed });
  const hull = hullFor(held, trio, { costs: of.costs, seed: of.settings.seed });
  if (!hull) throw new RangeError(`no prompt of ${trio.set} has scores of all three models`);
  return {
    split,
    rows,
    pooled,
    summary: summaryOf(rows),
    calibration: calibrationByTier(held),
    hull: { id: trio.id, costs: of.costs, ...hull },
    tasks: byTask(held, { pairs }),
  };
}
