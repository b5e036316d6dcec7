import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { captureTerminal } from '@qwenfleet/cli/harness/terminal';
import { run } from '@qwenfleet/cli/program';
import { seededRng } from '@qwenfleet/core/rng';
import { readAuthored, readMeasured, scaled } from '@qwenfleet/router/score/train/data';
import { fitModel, foldHeads, foldWording, uncalibrated } from '@qwenfleet/router/score/train/fit';
import { isTrained } from '@qwenfleet/router/score/train/splits';
import { settings } from '@qwenfleet/router/score/train/train';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../house/imports.ts';

const labelCount = 1_500;
const heldOutCount = 4_000;
const data = path.join(root, 'data/routing');
const folder = mkdtempSync(path.join(tmpdir(), 'own-labels-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

/** MMLU stands for a user's traffic: a model that never saw it nor its questions, 1,500 labels, and 4,000 held out. */
function prepare(): void {
  const raw = readMeasured(data).examples;
  const mmlu = raw.filter(({ set }) => set === 'routellm_mmlu');
  const stems = new Set(mmlu.map(({ stem }) => stem));
  const { examples, scaling } = scaled([...raw.filter(({ stem }) => !stems.has(stem)), ...readAuthored(data).train]);
  const fit = fitModel(examples.filter(isTrained), settings);
  const shipped = JSON.parse(readFileSync(path.join(root, 'router/score/weights.json'), 'utf8')) as object;
  const base = {
    ...shipped,
    ...scaling,
    heads: foldHeads(fit, uncalibrated),
    wording: foldWording(fit, uncalibrated, settings.wording.bits),
  };
  writeFileSync(at('base.json'), JSON.stringify(base));
  const rng = seededRng(11);
  const drawn = mmlu.map((example) => ({ example, order: rng() })).toSorted((a, b) => a.order - b.order);
  const lines = drawn.map(({ example: { prompt, task, labels } }) => JSON.stringify({ prompt, task, scores: labels }));
  writeFileSync(at('train.jsonl'), lines.slice(0, labelCount).join('\n'));
  writeFileSync(at('held-out.jsonl'), lines.slice(labelCount, labelCount + heldOutCount).join('\n'));
}

type Worth = Record<string, { apgr: { value: number; low: number; high: number }; ahead: { low: number } }>;
async function qwenfleet<Said>(args: readonly string[]): Promise<Said> {
  const { terminal, out, err } = captureTerminal();
  expect(await run(['route', ...args, '--json'], terminal), err()).toBe(0);
  return JSON.parse(out()) as Said;
}

describe('1,500 labels of traffic that the router never saw', () => {
  it('bring on a held-out file what the card expects, above the model of before and above prompt length', async () => {
    prepare();
    const { expected, seconds } = await qwenfleet<{ expected: { worth: Worth }; seconds: number }>([
      'train',
      at('train.jsonl'),
      '--base',
      at('base.json'),
      '--out',
      at('model.json'),
    ]);
    const evaluate = (model: string) =>
      qwenfleet<{ worth: Worth }>(['eval', at('held-out.jsonl'), '--model', at(model)]);
    const [trained, before] = [
      (await evaluate('model.json')).worth['model'],
      (await evaluate('base.json')).worth['model'],
    ];
    const promised = expected.worth['trained'];
    process.stdout.write(
      `trained in ${seconds.toFixed(1)} s; expected ${promised?.apgr.value.toFixed(3)}, found ${trained?.apgr.value.toFixed(3)}, before ${before?.apgr.value.toFixed(3)}\n`,
    );
    expect(trained?.apgr.value).toBeGreaterThan((before?.apgr.value ?? 1) + 0.01);
    expect(trained?.ahead.low).toBeGreaterThan(0);
    expect(trained?.apgr.value).toBeGreaterThan(promised?.apgr.low ?? 1);
  });
});
