import { describe, expect, it } from 'vitest';
import { deploymentOf, gpuClass, planOf, poolFor } from '../../harness/pool.ts';
import { engineContainer } from '../../pool/engine-container.ts';

const pool = (spec: object = {}) =>
  poolFor(
    deploymentOf({
      hardware: { class: 'gpu' },
      ...spec,
      engine: { type: 'vllm', ...(spec as { engine?: object }).engine },
    }),
    {
      hardwareClass: gpuClass,
    },
  );
const args = (spec: object = {}): string[] => engineContainer(pool(spec)).args ?? [];
const env = (spec: object = {}) =>
  Object.fromEntries((engineContainer(pool(spec)).env ?? []).map(({ name, value }) => [name, value]));

describe('a pool on vLLM', () => {
  it('serves the model of the hub under its own name, with the limits of the pool', () => {
    const spec = {
      model: { uri: 'hf://Qwen/Qwen3-8B', revision: 'v1', servedName: 'qwen3' },
      engine: { maxConcurrency: 96, contextLength: 16384 },
    };
    expect(args(spec).join(' ')).toBe(
      'Qwen/Qwen3-8B --revision v1 --served-model-name qwen3 --host 0.0.0.0 --port 8000 ' +
        '--max-model-len 16384 --max-num-seqs 96 --enable-prefix-caching',
    );
  });

  it.each([
    ['none', ''],
    ['fp8', '--quantization fp8'],
    ['int4', '--quantization bitsandbytes'],
    ['awq-int4', '--quantization awq_marlin'],
    ['gptq-int4', '--quantization gptq_marlin'],
    ['gguf-q4', '--quantization gguf'],
    ['float32', '--dtype float32'],
  ])('asks for %s by "%s"', (quantization, wanted) => {
    const text = args({ quantization }).join(' ');
    expect(text).toContain(wanted);
    if (wanted === '') expect(text).not.toMatch(/--quantization|--dtype/);
  });

  it('says that it takes int8 from the checkpoint only', () => {
    expect(args({ quantization: 'int8' })).not.toContain('--quantization');
    const spec = { quantization: 'int8', engine: { type: 'vllm' }, hardware: { class: 'gpu' } };
    const { notActedOn } = planOf(deploymentOf(spec), { hardwareClass: gpuClass }).resolved;
    expect(notActedOn).toContainEqual({ path: 'spec.quantization', reason: expect.stringContaining('checkpoint') });
  });

  it.each([
    ['all devices of a node, where nobody says', { hardware: { class: 'gpu', count: 4 } }, ['4', undefined]],
    ['as the pool says', { hardware: { class: 'gpu', count: 4 }, parallelism: { tensor: 2, pipeline: 2 } }, ['2', '2']],
  ])('shares a model over %s', (_what, spec, wanted) => {
    const words = args(spec);
    const after = (name: string) => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);
    expect([after('--tensor-parallel-size'), after('--pipeline-parallel-size')]).toEqual(wanted);
  });

  it('makes vectors where that is the task, and calls tools where the model can', () => {
    expect(args({ model: { uri: 'hf://a/b', task: 'Embed' } }).join(' ')).toContain('--runner pooling');
    expect(args({ model: { uri: 'hf://a/b', capabilities: ['Tools'] } }).join(' ')).toContain(
      '--tool-call-parser hermes',
    );
    expect(args()).not.toContain('--enable-auto-tool-choice');
  });

  it('gets its token from the Secret, and asks no hub for weights that are here', () => {
    const container = engineContainer(pool({ model: { uri: 'hf://a/b', secretRef: { name: 'hub', key: 'key' } } }));
    const secretKeyRef = { name: 'hub', key: 'key' };
    expect(container.env).toContainEqual({ name: 'HF_TOKEN', valueFrom: { secretKeyRef } });
    expect(env()).not.toHaveProperty('HF_HUB_OFFLINE');
    expect(env({ model: { uri: 'pvc://a/b' } })).toHaveProperty('HF_HUB_OFFLINE', '1');
  });

  it('writes nowhere but to its cache and its home', () => {
    const written = ['HF_HOME', 'VLLM_CACHE_ROOT', 'TORCHINDUCTOR_CACHE_DIR', 'TRITON_CACHE_DIR'];
    for (const name of written) expect(env()[name]).toMatch(/^\/var\/cache\/qwenfleet\//);
  });
});
