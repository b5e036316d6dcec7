import { describe, expect, it } from 'vitest';
import { controllerOf, keyOf, ownedBy, splitKey, type KubeObject } from './object.ts';
import { pluralOf, resource, resourceOf, resourcePath, splitApiVersion } from './resource.ts';

const object = (apiVersion: string, kind: string, namespace?: string): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', namespace, uid: 'u' },
});

describe('where a kind is served', () => {
  it.each([
    ['Pod', 'pods'],
    ['NetworkPolicy', 'networkpolicies'],
    ['Gateway', 'gateways'],
    ['Ingress', 'ingresses'],
    ['PodDisruptionBudget', 'poddisruptionbudgets'],
    ['EndpointSlice', 'endpointslices'],
    ['StorageClass', 'storageclasses'],
    ['HorizontalPodAutoscaler', 'horizontalpodautoscalers'],
    ['QwenDeployment', 'qwendeployments'],
    ['Batch', 'batches'],
  ])('%s is %s', (kind, plural) => expect(pluralOf(kind)).toBe(plural));

  it.each([
    [object('v1', 'Pod', 'a'), '/api/v1/namespaces/a/pods/x'],
    [object('v1', 'Node'), '/api/v1/nodes/x'],
    [object('apps/v1', 'Deployment', 'a'), '/apis/apps/v1/namespaces/a/deployments/x'],
  ])('an object says it itself', (of, path) => expect(resourcePath(resourceOf(of), of.metadata)).toBe(path));

  it('is a collection, an object or a part of it', () => {
    const endpoints = resource({ apiVersion: 'v1', kind: 'Endpoints', plural: 'endpoints' });
    expect(resourcePath(endpoints, {})).toBe('/api/v1/endpoints');
    expect(resourcePath(endpoints, { namespace: 'a' })).toBe('/api/v1/namespaces/a/endpoints');
    expect(resourcePath(endpoints, { namespace: 'a', name: 'x', subresource: 'status' })).toBe(
      '/api/v1/namespaces/a/endpoints/x/status',
    );
    expect(splitApiVersion('apps/v1')).toEqual({ group: 'apps', version: 'v1' });
    expect(splitApiVersion('v1')).toEqual({ group: '', version: 'v1' });
  });

  it('cannot be escaped by a name', () => {
    const pods = resource({ apiVersion: 'v1', kind: 'Pod' });
    expect(resourcePath(pods, { namespace: 'a', name: '../../b?c#d' })).toBe(
      '/api/v1/namespaces/a/pods/..%2F..%2Fb%3Fc%23d',
    );
  });
});

describe('keys and owners', () => {
  it('a key names an object in its namespace, or in the cluster', () => {
    expect([keyOf(object('v1', 'Pod', 'a')), keyOf(object('v1', 'Node'))]).toEqual(['a/x', 'x']);
    expect([splitKey('a/x'), splitKey('x')]).toEqual([{ namespace: 'a', name: 'x' }, { name: 'x' }]);
  });

  it('an object has many owners, of which one controls it', () => {
    const child: KubeObject = {
      ...object('v1', 'Pod', 'a'),
      metadata: {
        name: 'c',
        ownerReferences: [
          { ...ownedBy(object('v1', 'Secret', 'a')), controller: false },
          ownedBy(object('v1', 'Job', 'a')),
        ],
      },
    };
    expect(controllerOf(child)).toMatchObject({ kind: 'Job', uid: 'u', blockOwnerDeletion: true });
    expect(controllerOf(object('v1', 'Pod', 'a'))).toBeUndefined();
  });
});
