import type { EngineType } from '../../reconcile/substrate.ts';
import type { Engine } from './engine.ts';
import { qwenEngine } from './qwen/engine.ts';
import { tritonEngine } from './triton/engine.ts';
import { vllmEngine } from './vllm/engine.ts';

/** Engines that run in pods; `external` runs elsewhere. */
const engines: readonly Engine[] = [qwenEngine, vllmEngine, tritonEngine];

export const engineOf = (type: EngineType): Engine | undefined => engines.find((engine) => engine.type === type);
