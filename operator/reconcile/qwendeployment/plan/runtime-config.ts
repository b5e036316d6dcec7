import { createHash } from 'node:crypto';
import { timerMs } from '@qwenfleet/core/duration';
import { runtimeConfigSchema, type RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Resolved } from './resolve.ts';

/** Adapters in memory at once; the others are brought in when they are asked for. */
const adapterPlacesMax = 8;
/** What people train is of rank 8 to 64. Memory goes by it, time by the ranks that there are. */
const adapterRankMax = 64;

/** What one replica of our own runtime is told. Paths and ports come from the substrate. */
export function runtimeConfigOf({ spec }: QwenDeployment, resolved: Resolved, cacheDir: string): RuntimeConfig {
  const { uri = '', revision, verify } = spec.model;
  return runtimeConfigSchema.parse({
    servedName: resolved.servedName,
    model: {
      uri,
      ...(revision === undefined ? {} : { revision }),
      ...(verify?.sha256 === undefined ? {} : { sha256: verify.sha256 }),
    },
    quantization: resolved.quantization,
    cacheDir,
    engine: {
      slots: resolved.maxConcurrency,
      contextLength: resolved.contextLength,
      threads: resolved.threads,
    },
    ...adaptersOf(resolved),
    drain: { graceMs: timerMs(spec.drain.gracePeriod) },
  });
}

function adaptersOf({ adapters: list }: Resolved): object {
  if (list.length === 0) return {};
  return { adapters: { places: Math.min(adapterPlacesMax, list.length), rankMax: adapterRankMax, list } };
}

/** Ten digits that change when replicas must be replaced, and only then: paths and ports are left out. */
export function revisionOf({ listen: _listen, cacheDir: _cacheDir, ...visible }: RuntimeConfig): string {
  return createHash('sha256').update(JSON.stringify(visible)).digest('hex').slice(0, 10);
}
