import type { INetworkPolicySpec } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicySpec';
import { describe, expect, it } from 'vitest';
import { deploymentOf, everything, objectsOf, ofKind, type Setting } from '../harness/pool.ts';

const policy = (spec: object = {}, setting: Setting = {}): INetworkPolicySpec =>
  ofKind<{ spec: INetworkPolicySpec }>(objectsOf(deploymentOf({ ...spec }), setting).objects, 'NetworkPolicy').spec;

/** Ports that a rule opens to everywhere. */
const openPorts = ({ egress = [] }: INetworkPolicySpec) =>
  egress.filter(({ to }) => to === undefined).flatMap(({ ports }) => (ports ?? [{}]).map(({ port }) => port ?? 'any'));

describe('the network of a pool', () => {
  it('lets routers of the namespace and the operator in, and nobody else ask', () => {
    const [asking] = policy().ingress ?? [];
    expect(asking?.ports).toEqual([{ port: 'http', protocol: 'TCP' }]);
    expect(asking?.from).toEqual([
      { podSelector: { matchExpressions: [{ key: 'qwenfleet.io/router', operator: 'Exists' }] } },
      {
        namespaceSelector: {},
        podSelector: {
          matchLabels: { 'app.kubernetes.io/part-of': 'qwenfleet', 'app.kubernetes.io/component': 'operator' },
        },
      },
    ]);
  });

  it('lets Prometheus scrape, at the port where the metrics are', () => {
    const scraping = (spec: object) => policy(spec).ingress?.[1];
    expect(scraping({})?.ports).toEqual([{ port: 'http', protocol: 'TCP' }]);
    const triton = { engine: { type: 'triton' }, model: { uri: 'pvc://a' } };
    expect(scraping(triton)?.ports).toEqual([{ port: 'metrics', protocol: 'TCP' }]);
  });

  it('lets in the scrapers that an installation names instead', () => {
    const scrapers = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }];
    expect(policy({}, { integrations: { scrapers } }).ingress?.[1]?.from).toEqual(scrapers);
  });

  it.each([
    ['the hub, and names', { model: { uri: 'hf://a/b' } }, [53, 53, 443]],
    ['a server at a port of its own', { model: { uri: 'https://example.com:8443/a.gguf' } }, [53, 53, 8443]],
    ['nothing, with weights on a claim', { model: { uri: 'pvc://a/b' } }, []],
    ['everything, where a Secret says what', { model: { uri: 's3://a/b', secretRef: { name: 'a' } } }, ['any']],
  ])('reaches %s', (_what, spec, ports) => {
    expect(openPorts(policy(spec))).toEqual(ports);
  });

  it('lets a gateway in where the pool is exported to one', () => {
    const integrations = { gateway: { name: 'g', namespace: 'gateways' }, endpointPicker: { name: 'e', port: 9002 } };
    const exported = policy({}, { integrations, capabilities: everything }).ingress?.at(-1);
    expect(exported?.from?.[0]?.namespaceSelector?.matchLabels).toEqual({ 'kubernetes.io/metadata.name': 'gateways' });
    expect(policy({}, { integrations }).ingress).toHaveLength(2);
  });
});
