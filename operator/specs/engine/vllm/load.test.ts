import { describe, expect, it } from 'vitest';
import { vllmLoad } from './load.ts';

/** As vLLM 0.11 writes them, for one engine or for several of a data-parallel server. */
const metrics = (tokens: readonly number[], cacheName = 'kv_cache_usage_perc'): string =>
  [
    '# HELP vllm:num_requests_running Number of requests in model execution batches.',
    '# TYPE vllm:num_requests_running gauge',
    ...tokens.map((_, engine) => `vllm:num_requests_running{engine="${engine}",model_name="Qwen/Qwen3-32B"} 4.0`),
    ...tokens.map((_, engine) => `vllm:num_requests_waiting{engine="${engine}",model_name="Qwen/Qwen3-32B"} 3.0`),
    ...tokens.map((_, engine) => `vllm:num_requests_waiting_by_reason{engine="${engine}",reason="capacity"} 3.0`),
    ...tokens.map((_, engine) => `vllm:${cacheName}{engine="${engine}",model_name="a{b}c"} 0.${engine + 2}5`),
    '# TYPE vllm:generation_tokens counter',
    ...tokens.map((count, engine) => `vllm:generation_tokens_total{engine="${engine}",model_name="x"} ${count}.0`),
    ...tokens.map((_, engine) => `vllm:generation_tokens_created{engine="${engine}",model_name="x"} 1.7e+09`),
    'vllm:iteration_tokens_total_sum{engine="0",model_name="x"} 7.0',
    '',
  ].join('\n');

describe('the load of a vLLM server', () => {
  it('is what waits, and the share of its cache', () => {
    expect(vllmLoad.read(metrics([1e6]), undefined)).toEqual({
      queued: 3,
      kvTokens: 0.25,
      kvTokensMax: 1,
      completionTokensTotal: 1_000_000,
      completionTokensPerSecond: undefined,
    });
  });

  it('is over all of its engines', () => {
    expect(vllmLoad.read(metrics([10, 20]), undefined)).toMatchObject({
      queued: 6,
      kvTokens: 0.6,
      kvTokensMax: 2,
      completionTokensTotal: 30,
    });
  });

  it('is read from older versions too', () => {
    expect(vllmLoad.read(metrics([1], 'gpu_cache_usage_perc'), undefined)).toMatchObject({ kvTokens: 0.25 });
  });

  it('has a rate of tokens from the second time on, also when the server began anew', () => {
    const first = vllmLoad.read(metrics([1_000]), undefined);
    expect(vllmLoad.read(metrics([1_500]), { report: first, ageMs: 2_000 }).completionTokensPerSecond).toBe(250);
    expect(vllmLoad.read(metrics([100]), { report: first, ageMs: 1_000 }).completionTokensPerSecond).toBe(100);
    expect(vllmLoad.read(metrics([1_500]), { report: first, ageMs: 0 }).completionTokensPerSecond).toBeUndefined();
  });

  it('is refused where something else answers', () => {
    expect(() => vllmLoad.read('{"server_load": 3}', undefined)).toThrow('vllm:kv_cache_usage_perc');
  });
});
