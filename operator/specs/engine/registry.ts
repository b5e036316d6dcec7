import type { EngineType } from '../../reconcile/substrate.ts';
import type { PodEngine } from './engine.ts';
import { qwenEngine } from './qwen/engine.ts';
import { tritonEngine } from './triton/engine.ts';
import { vllmEngine } from './vllm/engine.ts';

/** An external server has replicas of its own: nothing of it runs here, so it has no peer among these. */
const engines: readonly PodEngine[] = [qwenEngine, vllmEngine, tritonEngine];

export const engineTypes: readonly EngineType[] = [...engines.map(({ type }) => type), 'external'];

/** Undefined where no pods run. */
export const engineOf = (type: EngineType): PodEngine | undefined => engines.find((engine) => engine.type === type);
