import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../specs/capabilities.ts';
import { deploymentOf, everything, planOf } from '../specs/harness/pool.ts';
import { clusterSubstrate } from './substrate.ts';

const paths = (spec: object, capabilities = noCapabilities) =>
  planOf(deploymentOf({ ...spec }), { capabilities }).resolved.notActedOn.map(({ path }) => path);

describe('a cluster', () => {
  it('runs every engine and reads every address', () => {
    const { engines, schemes, accelerators } = clusterSubstrate(noCapabilities);
    expect(engines).toEqual(['qwen', 'vllm', 'triton', 'external']);
    expect(schemes).toEqual(['hf', 's3', 'pvc', 'oci', 'https', 'wheel', 'file']);
    expect(accelerators).toBe(true);
  });

  it.each([
    [
      'a Secret that no address asks for',
      { model: { uri: 'pvc://a', secretRef: { name: 'a' } } },
      'spec.model.secretRef',
    ],
    [
      'a list of digests',
      { model: { uri: 'hf://a/b', verify: { sha256Manifest: 'x' } } },
      'spec.model.verify.sha256Manifest',
    ],
    [
      'a digest that the engine does not check',
      { model: { uri: 'pvc://a', verify: { sha256: 'a'.repeat(64) } }, engine: { type: 'vllm' } },
      'spec.model.verify.sha256',
    ],
    [
      'the size of a claim',
      { cache: { mode: 'Shared', pvcRef: { name: 'a' }, sizeLimit: '1Gi' } },
      'spec.cache.sizeLimit',
    ],
  ])('says that nothing follows from %s', (_what, spec, path) => {
    expect(paths(spec)).toContain(path);
  });

  it.each([
    ['a queue', { scheduling: { queueName: 'a' } }, 'spec.scheduling.queueName'],
    ['objectives', { slo: { availability: '99' } }, 'spec.slo'],
  ])('says so about %s only where the neighbour is missing that acts on it', (_what, spec, path) => {
    expect(paths(spec)).toContain(path);
    expect(paths(spec, everything)).not.toContain(path);
  });

  it('has nothing to say about a plain pool', () => {
    expect(paths({})).toEqual([]);
  });
});
