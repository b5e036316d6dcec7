import { canonicalJson, digestOf } from '../canonical.ts';
import type { PoolInput } from './pool.ts';

/**
 * Ten digits that change when the pods of a pool must be replaced, and only then.
 *
 * They are made from fields that people wrote, and from choices that are pinned here, never from what the operator
 * renders: a newer operator may write other probes, images or arguments, and no pod of anybody restarts for it. What a
 * revision's pods look like is recorded when its first pod is made, see `record.ts`.
 *
 * A field that comes later must be left out while it has its default (undefined is left out), or the digest of every
 * pool that exists would change. `revision.test.ts` holds digests of examples.
 */
export function revisionOf(input: Omit<PoolInput, 'images' | 'capabilities' | 'config' | 'adminTokenSha256'>): string {
  return digestOf({ ...engineFields(input), ...modelFields(input), ...placeFields(input) });
}

type Input = Parameters<typeof revisionOf>[0];

function engineFields({ deployment: { spec }, hardwareClass, resolved }: Input) {
  const { type } = resolved.engine;
  const byClass = hardwareClass?.spec.engines?.find((entry) => entry.type === type);
  return {
    engine: {
      type,
      image: spec.engine.image ?? byClass?.image,
      args: [...(byClass?.args ?? []), ...(spec.engine.args ?? [])],
      env: [...(byClass?.env ?? []), ...(spec.engine.env ?? [])],
      maxConcurrency: resolved.maxConcurrency,
      contextLength: resolved.contextLength,
      threads: type === 'qwen' ? resolved.threads : undefined,
      parallelism: spec.parallelism,
    },
  };
}

function modelFields({ deployment: { spec }, resolved }: Input) {
  const { uri, revision, secretRef, task, verify, capabilities } = spec.model;
  const tools = resolved.engine.type === 'vllm' && (capabilities ?? []).includes('Tools');
  return {
    model: {
      uri,
      revision,
      secretRef,
      servedName: resolved.servedName,
      task: task === 'Generate' ? undefined : task,
      sha256: verify?.sha256,
      tools: tools || undefined,
    },
    quantization: spec.quantization,
    cache: spec.cache,
  };
}

function placeFields({ deployment: { spec }, hardwareClass }: Input) {
  const { accelerator, resources, sharedMemory, runtimeClassName, nodeSelector, tolerations } =
    hardwareClass?.spec ?? {};
  const { queueName: _queueName, ...scheduling } = spec.scheduling ?? {};
  return {
    hardware: {
      count: spec.hardware?.count,
      resourceName: accelerator?.resourceName,
      deviceClass: accelerator?.deviceClass,
      resources,
      sharedMemory,
      runtimeClassName,
      nodeSelector,
      tolerations,
    },
    scheduling: canonicalJson(scheduling) === '{}' ? undefined : scheduling,
    drain: spec.drain,
    // The startup probe waits as long: whoever raises it has pods that load too slowly.
    progressDeadline: spec.rollout.progressDeadline,
    podTemplate: spec.podTemplate,
  };
}
