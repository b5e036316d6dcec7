import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../capabilities.ts';
import { deploymentOf, everything, objectsOf, ofKind, type Setting } from '../harness/pool.ts';

const gateway = { name: 'public', namespace: 'gateways', sectionName: 'https' };
const endpointPicker = { name: 'picker', port: 9002 };
const objects = (setting: Setting) =>
  objectsOf(deploymentOf({ slo: { availability: '99' } }), { capabilities: everything, ...setting }).objects;
const kinds = (setting: Setting) => objects(setting).map(({ kind }) => kind);

describe('neighbours of a pool', () => {
  it('get nothing in a cluster that does not have them', () => {
    const integrations = { gateway, endpointPicker };
    expect(kinds({ capabilities: noCapabilities, integrations })).toEqual(
      objectsOf(deploymentOf()).objects.map(({ kind }) => kind),
    );
  });

  it('scrape it with the labels by which Prometheus looks for monitors', () => {
    const found = objects({ integrations: { monitorLabels: { release: 'prometheus' } } });
    for (const kind of ['PodMonitor', 'PrometheusRule']) {
      expect(ofKind(found, kind).metadata.labels).toMatchObject({ release: 'prometheus' });
    }
    expect(ofKind<{ spec: object }>(found, 'PodMonitor').spec).toMatchObject({
      podMetricsEndpoints: [{ port: 'http', path: '/metrics' }],
      podTargetLabels: ['qwenfleet.io/deployment', 'qwenfleet.io/revision', 'qwenfleet.io/tier'],
    });
  });

  it.each([
    ['without a gateway', { endpointPicker }],
    ['without an endpoint picker, which the API asks for', { gateway }],
  ])('route nothing past the router and its keys %s', (_what, integrations) => {
    expect(kinds({ integrations })).not.toContain('InferencePool');
    expect(kinds({ integrations })).not.toContain('HTTPRoute');
  });

  it('route to its replicas from a gateway that has both', () => {
    const found = objects({ integrations: { gateway, endpointPicker } });
    expect(ofKind<{ spec: object }>(found, 'InferencePool').spec).toEqual({
      selector: { matchLabels: { 'qwenfleet.io/deployment': 'chat', 'qwenfleet.io/role': 'server' } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'picker', port: { number: 9002 }, failureMode: 'FailOpen' },
    });
    expect(ofKind<{ spec: object }>(found, 'HTTPRoute').spec).toMatchObject({
      parentRefs: [gateway],
      rules: [
        {
          matches: [{ path: { value: '/v1' }, headers: [{ name: 'x-qwenfleet-pool', value: 'chat' }] }],
          backendRefs: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'chat' }],
        },
      ],
    });
  });
});
