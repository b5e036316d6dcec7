import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { httpPort, type EngineInput } from '../engine.ts';

type Spec = QwenDeployment['spec'];

/**
 * What each precision is called by vLLM. Kernels are named where a checkpoint says its own format, so that a checkpoint
 * of another format is refused instead of served; int8 has no quantisation while loading, see the status of the pool.
 */
const quantization: Readonly<Record<Spec['quantization'], readonly string[]>> = {
  none: [],
  float32: ['--dtype', 'float32'],
  fp8: ['--quantization', 'fp8'],
  int8: [],
  int4: ['--quantization', 'bitsandbytes'],
  'awq-int4': ['--quantization', 'awq_marlin'],
  'gptq-int4': ['--quantization', 'gptq_marlin'],
  'gguf-q4': ['--quantization', 'gguf'],
};

/** The model comes first and bare: `--model` is on its way out of `vllm serve`. */
export function modelArgs({ resolved, weights }: EngineInput): string[] {
  return [
    weights.location,
    ...(weights.revision === undefined ? [] : ['--revision', weights.revision]),
    '--served-model-name',
    resolved.servedName,
  ];
}

/** What every node of a replica must be told alike. */
export function computeArgs({ deployment: { spec }, resolved, parallelism }: EngineInput): string[] {
  const { tensor, pipeline } = parallelism;
  return [
    ...(tensor > 1 ? ['--tensor-parallel-size', String(tensor)] : []),
    ...(pipeline > 1 ? ['--pipeline-parallel-size', String(pipeline)] : []),
    '--max-model-len',
    String(resolved.contextLength),
    '--max-num-seqs',
    String(resolved.maxConcurrency),
    ...quantization[spec.quantization],
    ...(spec.model.task === 'Embed' ? ['--runner', 'pooling'] : ['--enable-prefix-caching']),
  ];
}

/** Qwen writes its tool calls as Hermes does. */
export function serverArgs({ deployment: { spec } }: EngineInput): string[] {
  const tools = spec.model.task === 'Generate' && (spec.model.capabilities ?? []).includes('Tools');
  return [
    '--host',
    '0.0.0.0',
    '--port',
    String(httpPort),
    ...(tools ? ['--enable-auto-tool-choice', '--tool-call-parser', 'hermes'] : []),
  ];
}
