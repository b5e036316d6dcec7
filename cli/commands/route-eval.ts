import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import { look } from '@qwenfleet/router/score/features';
import { scoreSeen, type Weights } from '@qwenfleet/router/score/model';
import { scaled, type Example } from '@qwenfleet/router/score/train/data';
import { calibrationByTier } from '@qwenfleet/router/score/train/evaluate';
import { hullOf, type Hull } from '@qwenfleet/router/score/train/hull';
import type { Worth } from '@qwenfleet/router/score/train/metrics';
import { readOwn } from '@qwenfleet/router/score/train/own';
import { compareOwn, ownSettings } from '@qwenfleet/router/score/train/own-train';
import { objective } from '@qwenfleet/router/score/train/train';
import type { Exit } from '../failure.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { readModel } from './route-model.ts';
import { poolTiers } from './route-train.ts';

export type EvalOptions = { terminal: Terminal; model?: string; pool?: readonly string[] };
type Said = { example: Example; p: Record<Tier, number> };
type TaskRow = { task: string; prompts: number; worth: Record<string, Worth> };
export type OwnEvaluation = {
  pair: readonly [Tier, Tier];
  prompts: number;
  worth: Record<string, Worth>;
  calibrationError: Record<string, Record<Tier, number>>;
  hull?: Hull;
  tasks: TaskRow[];
};

const taskPromptsMin = 50;
const tasksMax = 50;

/** What a model is worth on a file of labels, beside the model that is shipped and prompt length. */
export async function routeEval(file: string, options: EvalOptions): Promise<Exit> {
  const { terminal } = options;
  const own = readOwn(file, poolTiers(options.pool ?? []));
  const shipped = readModel(undefined);
  const models = { ...(options.model === undefined ? {} : { model: readModel(options.model) }), shipped };
  const { examples } = scaled(own.examples, shipped);
  const evaluation = evaluate(examples, models, [own.tiers[0] ?? 'small', own.tiers.at(-1) ?? 'large']);
  if (terminal.json) terminal.printJson(evaluation);
  else terminal.print(renderEvaluation(evaluation, terminal.width));
  return 'ok';
}

function evaluate(
  examples: readonly Example[],
  models: Readonly<Record<string, Weights>>,
  pair: readonly [Tier, Tier],
): OwnEvaluation {
  const said = Object.fromEntries(
    Object.entries(models).map(([name, weights]) => [name, examples.map((example) => say(weights, example))]),
  );
  const of = (chosen: (example: Example) => boolean) =>
    compareOwn(
      pair,
      mapValues(said, (rows) => rows.filter(({ example }) => chosen(example))),
      'length',
      ownSettings.seed,
    );
  const tasks = [...new Set(examples.map(({ task }) => task))].sort().slice(0, tasksMax);
  const best = Object.values(said)[0] ?? [];
  const trials = best.flatMap(({ example: { labels }, p }) => {
    const { small, medium, large } = labels;
    return small === undefined || medium === undefined || large === undefined
      ? []
      : [{ p, scores: { small, medium, large } }];
  });
  return {
    pair,
    ...of(() => true),
    calibrationError: mapValues(said, calibrationByTier),
    ...(trials.length === 0 ? {} : { hull: hullOf(trials, objective.costs, ownSettings.seed) }),
    tasks: tasks
      .map((task) => ({ task, ...of((example) => example.task === task) }))
      .filter(({ prompts }) => prompts >= taskPromptsMin),
  };
}

const say = (weights: Weights, example: Example): Said => ({
  example,
  p: scoreSeen(weights, look(example.prompt)).p,
});

export function renderEvaluation(evaluation: OwnEvaluation, width: number): string {
  const { pair, prompts, worth, calibrationError, hull, tasks } = evaluation;
  const [lower, upper] = pair;
  const figure = (value: number): string => value.toFixed(3);
  const rows = Object.entries(worth).map(([name, { apgr, ahead, cpt50, cpt80 }]) => [
    name,
    `${figure(apgr.value)} (${figure(apgr.low)} to ${figure(apgr.high)})`,
    name === 'length' ? '' : `${figure(ahead.low)} to ${figure(ahead.high)}`,
    `${(cpt50 * 100).toFixed(0)} / ${(cpt80 * 100).toFixed(0)}`,
  ]);
  const errors = Object.entries(calibrationError).map(([name, by]) => [name, ...tiers.map((tier) => figure(by[tier]))]);
  const names = Object.keys(worth);
  const taskRows = tasks.map(({ task, prompts, worth }) => [
    task,
    String(prompts),
    ...names.map((name) => figure(worth[name]?.apgr.value ?? Number.NaN)),
  ]);
  const sections = [
    `Gap between ${lower} and ${upper} that is recovered on ${prompts} prompts; a random mix recovers .5:`,
    renderTable(
      [{ title: '' }, { title: 'APGR' }, { title: 'AHEAD OF LENGTH' }, { title: 'CPT 50 / 80 %' }],
      rows,
      width,
    ),
    `Calibration error:\n${renderTable([{ title: '' }, ...tiers.map((tier) => ({ title: tier.toUpperCase() }))], errors, width)}`,
    hull === undefined
      ? ''
      : `Three pools: quality ${figure(hull.gain.value)} (${figure(hull.gain.low)} to ${figure(hull.gain.high)}) above their best mix at the same cost, on average.`,
    taskRows.length < 2
      ? ''
      : `By task:\n${renderTable([{ title: 'TASK', flexible: true }, { title: 'PROMPTS' }, ...names.map((name) => ({ title: name.toUpperCase() }))], taskRows, width)}`,
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

function mapValues<Value, Result>(
  of: Readonly<Record<string, Value>>,
  change: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value)]));
}
