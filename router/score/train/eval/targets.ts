import { lengthWay, ownWay, type SetRow } from '../evaluate.ts';
import type { Evaluation, SplitResult } from './evaluation.ts';

export type Verdict = { target: string; found: string; holds: boolean };

const set = (result: SplitResult | undefined, prefix: string): SetRow[] =>
  (result?.rows ?? []).filter(({ id }) => id.startsWith(prefix));
const figure = (value: number): string => value.toFixed(3);

/** What this evaluation is asked for, with what it found. Targets of a split that was not evaluated are left out. */
export function verdicts({ splits }: Evaluation): Verdict[] {
  const of = (name: SplitResult['split']): SplitResult | undefined => splits.find(({ split }) => split === name);
  const [questions, tasks, files] = [of('questions'), of('tasks'), of('files')];
  return [
    ...atLeast(tasks, 'MMLU, ', 0.62, 'RouteLLM MMLU, subjects held out'),
    ...atLeast(tasks, 'MMLU-Pro, Qwen', 0.57, 'MMLU-Pro, categories held out'),
    ...atLeast(tasks, 'LLMRouter', 0.5, 'llmrouter_dc, tasks held out'),
    ...atLeast(questions, 'GSM8K', 0.62, 'GSM8K, questions held out'),
    ...atLeast(tasks, 'GSM8K', 0.62, 'GSM8K, the task held out'),
    ...(tasks ? [aheadOfLength(tasks)] : []),
    ...(files ? zeroShot(files) : []),
    ...calibration(questions, 0.03, 'in domain'),
    ...calibration(tasks, 0.08, 'tasks held out'),
    ...(tasks
      ? [
          {
            target: 'three tiers above the hull of the pools and their mixes, tasks held out',
            found: `${figure(tasks.hull.gain.value)} (${figure(tasks.hull.gain.low)} to ${figure(tasks.hull.gain.high)})`,
            holds: tasks.hull.gain.low > 0,
          },
        ]
      : []),
  ];
}

function atLeast(result: SplitResult | undefined, prefix: string, wanted: number, name: string): Verdict[] {
  return set(result, prefix).map(({ worth }) => {
    const value = worth[ownWay]?.apgr.value ?? Number.NaN;
    return { target: `${name}: at least ${wanted}`, found: figure(value), holds: value >= wanted };
  });
}

function aheadOfLength({ rows }: SplitResult): Verdict {
  const behind = rows.filter(({ worth }) => !((worth[ownWay]?.ahead.low ?? Number.NaN) > 0)).map(({ id }) => id);
  return {
    target: `paired interval above ${lengthWay} on all sets but one, tasks held out`,
    found: behind.length === 0 ? 'on all' : `not on ${behind.join('; ')}`,
    holds: behind.length <= 1,
  };
}

function zeroShot({ rows, pooled }: SplitResult): Verdict[] {
  const below = rows.filter(({ worth }) => (worth[ownWay]?.apgr.high ?? 0) < 0.5).map(({ id }) => id);
  return [
    {
      target: 'zero-shot: never significantly below .50',
      found: below.length === 0 ? 'never' : `below on ${below.join('; ')}`,
      holds: below.length === 0,
    },
    {
      target: 'zero-shot: above length, the larger sets pooled',
      found: `${figure(pooled.value)} (${figure(pooled.low)} to ${figure(pooled.high)})`,
      holds: pooled.low > 0,
    },
  ];
}

function calibration(result: SplitResult | undefined, wanted: number, name: string): Verdict[] {
  if (!result) return [];
  const { small, medium, large } = result.calibration;
  return [
    {
      target: `calibration error per pool, ${name}: at most ${wanted}`,
      found: [small, medium, large].map(figure).join(', '),
      holds: Math.max(small, medium, large) <= wanted,
    },
  ];
}
