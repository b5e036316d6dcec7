import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createAdaptivePolicy } from '@qwenfleet/router/policy/adaptive/policy';
import type { PoolView } from '@qwenfleet/router/policy/policy';
import { shippedWeights } from '@qwenfleet/router/score/weights';
import { percentile } from '../../../harness/statistics.ts';
import { root } from '../../../house/imports.ts';
import type { Measurement } from '../../promise.ts';

const [bytesMin, bytesMax] = [1_800, 2_300];
const passes = 5;

/** From the text of a request to a decision between three pools: real prompts of about 2 KB, after a pass to warm up. */
export async function scoreMs(): Promise<Measurement> {
  const policy = createAdaptivePolicy(shippedWeights);
  const prompts = promptsOf2KB();
  const takenMs: number[] = [];
  for (let pass = 0; pass <= passes; pass += 1) {
    for (const text of prompts) {
      const request = {
        messages: [{ role: 'user', text }],
        tools: false,
        json: false,
        promptTokens: 500,
        maxTokens: 100,
      };
      const startedMs = performance.now();
      policy.decide(request, pools, { costWeight: 0.3, waitWeight: 0.002 });
      if (pass > 0) takenMs.push(performance.now() - startedMs);
    }
  }
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(takenMs, share));
  const details = `${prompts.length} prompts of MMLU-Pro, ${passes} times; p50 ${p50?.toFixed(3)}, p99 ${p99?.toFixed(3)} ms`;
  return { value: p95 ?? Number.NaN, details };
}

function promptsOf2KB(): string[] {
  const file = path.join(root, 'data/routing/mmlupro.jsonl.gz');
  return gunzipSync(readFileSync(file))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { prompt: string }).prompt)
    .filter((prompt) => {
      const bytes = Buffer.byteLength(prompt);
      return bytes >= bytesMin && bytes <= bytesMax;
    });
}

const pools: PoolView[] = (['small', 'medium', 'large'] as const).map((tier, at) => ({
  name: tier,
  tier,
  task: 'generate',
  contextLength: 8192,
  capabilities: { tools: false, json: false, vision: false },
  costPerToken: [0.1, 0.3, 1][at] ?? 1,
  ready: 1,
  starting: 0,
  waitMs: 0,
  pressure: 0,
  available: true,
}));
