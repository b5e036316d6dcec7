import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { imageOf, userArgs, userEnv, type Engine, type EngineInput } from '../engine.ts';

type Quantization = QwenDeployment['spec']['quantization'];

/** vLLM reads most checkpoints' own quantisation; these it has to be told. */
const quantizationArgs: Partial<Record<Quantization, readonly string[]>> = {
  'awq-int4': ['--quantization', 'awq_marlin'],
  'gptq-int4': ['--quantization', 'gptq_marlin'],
  fp8: ['--quantization', 'fp8'],
  'gguf-q4': ['--quantization', 'gguf'],
  float32: ['--dtype', 'float32'],
};

/** vLLM's OpenAI server, over as many devices as the pool's parallelism says. */
export const vllmEngine: Engine = {
  type: 'vllm',
  port: 8000,
  configured: false,
  container: (input) => ({
    image: imageOf(input),
    args: [...serveArgs(input), ...userArgs(input)],
    env: [
      { name: 'HF_HOME', value: input.weights.cacheDir },
      { name: 'VLLM_NO_USAGE_STATS', value: '1' },
      ...input.weights.env,
      ...userEnv(input),
    ],
    readyPath: '/health',
    livePath: '/health',
  }),
};

function serveArgs({ deployment: { spec }, resolved, weights }: EngineInput): string[] {
  const { tensor, pipeline } = spec.parallelism ?? { tensor: spec.hardware?.count ?? 1, pipeline: 1 };
  return [
    '--model',
    weights.location,
    ...(weights.revision === undefined ? [] : ['--revision', weights.revision]),
    '--served-model-name',
    resolved.servedName,
    ...resolved.aliases,
    '--port',
    String(vllmEngine.port),
    '--max-model-len',
    String(resolved.contextLength),
    '--max-num-seqs',
    String(resolved.maxConcurrency),
    ...(tensor > 1 ? ['--tensor-parallel-size', String(tensor)] : []),
    ...(pipeline > 1 ? ['--pipeline-parallel-size', String(pipeline)] : []),
    ...(quantizationArgs[spec.quantization] ?? []),
    ...(spec.model.task === 'Embed' ? ['--task', 'embed'] : ['--enable-prefix-caching']),
    ...adapterArgs(spec.adapters),
  ];
}

function adapterArgs(adapters: QwenDeployment['spec']['adapters']): string[] {
  if (adapters === undefined || adapters.length === 0) return [];
  const modules = adapters.map(({ name, uri }) => `${name}=${uri.replace(/^hf:\/\//, '')}`);
  return ['--enable-lora', '--max-loras', String(adapters.length), '--lora-modules', ...modules];
}
