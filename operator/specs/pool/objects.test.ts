import fc from 'fast-check';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { anyDeployment, anyHardwareClass } from '../harness/arbitrary.ts';
import { everything, objectsOf, ofKind, planOf, readFixture, deploymentOf, type Setting } from '../harness/pool.ts';
import { problemsOf } from '../harness/validate.ts';
import { hashAnnotation } from '../object.ts';

const router = { name: 'router', port: 8080 };

/** As people read it: one document for each object, nothing wrapped. */
const yamlOf = (objects: readonly unknown[]): string =>
  objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');

describe('what a pool is in a cluster', () => {
  it.each(['cpu-small', 'l4-int8', 'vllm-8-gpu'])('is in fixtures/%s.yaml', async (name) => {
    const { deployment, hardwareClass } = readFixture(name);
    if (!deployment) throw new Error('the fixture has no QwenDeployment');
    const setting: Setting = { capabilities: everything, router, ...(hardwareClass ? { hardwareClass } : {}) };
    const { objects } = objectsOf(deployment, setting);
    expect(objects.flatMap(problemsOf)).toEqual([]);
    await expect(yamlOf(objects)).toMatchFileSnapshot(`../fixtures/${name}.yaml`);
  });

  it('comes in an order in which nothing waits for a later object', () => {
    const kinds = objectsOf(deploymentOf()).objects.map(({ kind }) => kind);
    expect(kinds).toEqual([
      'ServiceAccount',
      'Service',
      'PodDisruptionBudget',
      'NetworkPolicy',
      'ConfigMap',
      'Deployment',
    ]);
  });

  it('belongs to its QwenDeployment, and goes with it', () => {
    const { objects } = objectsOf(deploymentOf());
    const owners = objects.map(({ metadata }) => metadata.ownerReferences?.[0]);
    expect(new Set(owners.map((owner) => `${owner?.kind}/${owner?.name}/${owner?.controller}`))).toEqual(
      new Set(['QwenDeployment/chat/true']),
    );
  });

  it('has digests that change with the object and with nothing else', () => {
    const hashes = (spec: object) =>
      objectsOf(deploymentOf({ ...spec })).objects.map(({ metadata }) => metadata.annotations[hashAnnotation]);
    const before = hashes({});
    expect(hashes({})).toEqual(before);
    const changed = hashes({ rollout: { maxSurge: 1 } }).filter((hash, at) => hash !== before[at]);
    expect(changed).toHaveLength(1);
  });

  it('is nothing while it is paused, and nothing of it may be deleted', () => {
    expect(objectsOf(deploymentOf({ paused: true }))).toEqual({ revision: undefined, objects: [], prune: false });
  });

  it('is nothing for an external server, and what ran before may go', () => {
    const engine = { type: 'external', url: 'http://10.0.0.1:8000' };
    expect(objectsOf(deploymentOf({ engine }))).toEqual({ revision: undefined, objects: [], prune: true });
  });

  it('stays as it is while its spec asks for what cannot be had', () => {
    const missing = deploymentOf({ hardware: { class: 'nobody-made-it' } });
    expect(objectsOf(missing)).toEqual({ revision: undefined, objects: [], prune: false });
    expect(planOf(missing).resolved.blocked?.reason).toBe('HardwareClassMissing');
  });

  it('has no replicas while it is suspended', () => {
    const { objects } = objectsOf(deploymentOf({ suspend: true, replicas: 3 }));
    expect(ofKind<{ spec: { replicas: number } }>(objects, 'Deployment').spec.replicas).toBe(0);
  });
});

describe('any pool that the API server accepts', () => {
  const integrations = {
    gateway: { name: 'public', namespace: 'gateways' },
    endpointPicker: { name: 'epp', port: 9002 },
  };
  const anyPool = fc.tuple(anyDeployment, anyHardwareClass, fc.boolean());

  it('is refused with a reason, or becomes objects that the API server accepts, the same ones each time', () => {
    let built = 0;
    fc.assert(
      fc.property(anyPool, ([deployment, hardwareClass, rich]) => {
        const setting: Setting = { hardwareClass, ...(rich ? { capabilities: everything, router, integrations } : {}) };
        const { resolved } = planOf(deployment, setting);
        const { objects } = objectsOf(deployment, setting);
        if (resolved.blocked) {
          expect(resolved.blocked.message).not.toBe('');
          expect(objects).toEqual([]);
          return;
        }
        built += objects.length;
        expect(objects.flatMap(problemsOf)).toEqual([]);
        expect(objectsOf(structuredClone(deployment), setting).objects).toEqual(objects);
        const identities = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
        expect(new Set(identities).size).toBe(identities.length);
      }),
      { numRuns: 150 },
    );
    // Were everything refused, nothing would have been tested.
    expect(built).toBeGreaterThan(100);
  }, 120_000);
});
