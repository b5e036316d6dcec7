import type { EngineLoad } from '../load.ts';

const waiting = 'vllm:num_requests_waiting';
const decoded = 'vllm:generation_tokens_total';
/** A share from 0 to 1. Versions before 0.10 have it under the second name. */
const cacheUse = ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'];

/** vLLM's metrics, in Prometheus' text format: https://docs.vllm.ai/en/stable/usage/metrics/ */
export const vllmLoad: EngineLoad = {
  path: '/metrics',
  read: (text, last) => {
    const shares = cacheUse.map((name) => valuesOf(text, name)).find((values) => values.length > 0);
    if (!shares) throw new Error(`none of ${cacheUse.join(', ')} is among the metrics`);
    const completionTokensTotal = sum(valuesOf(text, decoded));
    return {
      queued: sum(valuesOf(text, waiting)),
      // One for each engine of a data-parallel server. Tokens are not told, and only the share matters.
      kvTokens: sum(shares),
      kvTokensMax: shares.length,
      completionTokensTotal,
      completionTokensPerSecond: last && rate(completionTokensTotal, last.report.completionTokensTotal, last.ageMs),
    };
  },
};

/** Tokens a second. A counter that is lower than before belongs to a process that has started again. */
function rate(now: number, before: number, ageMs: number): number | undefined {
  if (ageMs <= 0) return undefined;
  return ((now - (now < before ? 0 : before)) / ageMs) * 1_000;
}

/** Of every series with this name, whatever its labels. */
const valuesOf = (text: string, name: string): number[] =>
  Array.from(text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)`, 'gm')), ([, value]) => Number(value));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
