import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { read } from '@qwenfleet/router/score/conversation';
import { scoreSeen } from '@qwenfleet/router/score/model';
import { shippedWeights } from '@qwenfleet/router/score/weights';
import { percentile } from '../../../harness/statistics.ts';
import { root } from '../../../house/imports.ts';
import type { Measurement } from '../../promise.ts';

const warmUps = 2_000;
const callsPerLength = 400;
const lengths = [10, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
const runs = 5;

/** Reading and scoring a real prompt of 1 KB: the median of five runs' medians. */
export async function scoreUs(): Promise<Measurement> {
  const prompts = promptsOf(1_000, 200);
  time(prompts, warmUps);
  const medians = Array.from({ length: runs }, () => percentile(time(prompts, 2_000), 0.5) ?? Number.NaN);
  const value = percentile(medians, 0.5) ?? Number.NaN;
  return {
    value,
    details: `${prompts.length} prompts of MMLU-Pro, cut at 1,000 characters; runs ${medians.map(one).join(', ')} us`,
  };
}

/** The same from 10 to 100,000 characters: 99th percentile of all, the median of five runs, and the slowest length. */
export async function scoreP99Us(): Promise<Measurement> {
  const byLength = lengths.map((chars) => promptsOf(chars, 40));
  for (const prompts of byLength) time(prompts, warmUps / lengths.length);
  const p99s: number[] = [];
  let slowest = '';
  for (let run = 0; run < runs; run += 1) {
    const taken = byLength.map((prompts) => time(prompts, callsPerLength));
    p99s.push(percentile(taken.flat(), 0.99) ?? Number.NaN);
    const medians = taken.map((of) => percentile(of, 0.5) ?? Number.NaN);
    const at = medians.indexOf(Math.max(...medians));
    slowest = `slowest are ${lengths[at]} characters, p50 ${one(medians[at] ?? 0)} us; longest call ${one(Math.max(...taken.flat()))} us`;
  }
  return { value: percentile(p99s, 0.5) ?? Number.NaN, details: `${slowest}; runs ${p99s.map(one).join(', ')} us` };
}

const one = (value: number): string => value.toFixed(1);

function time(prompts: readonly string[], calls: number): number[] {
  const taken: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    const text = prompts[call % prompts.length] ?? '';
    const startedMs = performance.now();
    const { seen } = read([{ role: 'user', text }]);
    scoreSeen(shippedWeights, seen);
    taken.push((performance.now() - startedMs) * 1_000);
  }
  return taken;
}

/** Real text of exactly so many characters: prompts of MMLU-Pro, one after another. */
function promptsOf(chars: number, count: number): string[] {
  const text = gunzipSync(readFileSync(path.join(root, 'data/routing/mmlupro.jsonl.gz')))
    .toString('utf8')
    .split('\n')
    .slice(0, 4_000)
    .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { prompt: string }).prompt]));
  const starts = Array.from({ length: count }, (_, at) => at * Math.floor(text.length / count));
  return starts.map((start) => {
    let prompt = '';
    for (let at = start; prompt.length < chars; at += 1) prompt += `${text[at % text.length] ?? ''}\n`;
    return prompt.slice(0, chars);
  });
}
