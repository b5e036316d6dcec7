import type { EngineType } from '../reconcile/substrate.ts';

/**
 * Images that are used where neither a pool nor its hardware class names one. The operator is told them; a running
 * revision keeps those that it began with.
 */
export type Images = Readonly<Record<Exclude<EngineType, 'external'>, string>>;

/**
 * Engines that others make, at versions whose options are the ones used here: vLLM since 0.12 spans nodes by itself and
 * takes `--runner pooling`.
 */
export const thirdPartyImages = {
  vllm: 'vllm/vllm-openai:v0.13.0',
  triton: 'nvcr.io/nvidia/tritonserver:25.12-py3',
} as const satisfies Partial<Images>;
