import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readDocuments } from '@qwenfleet/crds/fleet-file';
import { parseObject } from '@qwenfleet/crds/fleet-file/object';
import { objectOf, ruleExamples } from '@qwenfleet/crds/fixtures/rule-examples';
import { kinds } from '@qwenfleet/crds/kinds';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { kubectl, refusal } from '../harness/cluster/kubectl.ts';
import { root } from '../house/imports.ts';

/** The first pool of the design. */
const tenLines = `apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: qwen-7b}
spec:
  tier: small
  model: {uri: hf://Qwen/Qwen2.5-7B-Instruct}
  quantization: int8
  hardware: {class: nvidia-l4, count: 1}
  scaling: {minReplicas: 0, maxReplicas: 4, target: {metric: Concurrency, value: 16}}
`;

const exampleFolder = path.join(root, 'examples');
const examples = readdirSync(exampleFolder).filter((name) => name.endsWith('.yaml'));

/** The specs of a fleet file as `qwenfleet up` sees them, defaults included, by kind and name. */
function specsHere(text: string): Map<string, unknown> {
  const objects = readDocuments(text, 'example.yaml').map(parseObject);
  return new Map(
    objects.flatMap((parsed) => {
      if (Array.isArray(parsed)) throw new Error(parsed.map(({ message }) => message).join('\n'));
      const { object } = parsed;
      return 'spec' in object ? [[`${object.kind}/${object.metadata.name}`, object.spec]] : [];
    }),
  );
}

type Answer = { kind: string; metadata: { name: string }; spec?: unknown; items?: Answer[] };

describe.skipIf(await clusterMissing)('the custom resources on a real API server', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
  });
  afterAll(() => cluster?.stop());
  const written = 'qwendeployments,qwenrouters,hardwareclasses';
  afterEach(() => kubectl(cluster, ['delete', written, '--all', '--wait']));

  const run = (...args: string[]): Promise<string> => kubectl(cluster, args);
  const apply = (input: unknown, ...args: string[]): Promise<string> =>
    kubectl(cluster, ['apply', '-f', '-', ...args], input);
  const specsThere = (text: string): Map<string, unknown> => {
    const answer = JSON.parse(text) as Answer;
    return new Map(
      (answer.items ?? [answer])
        .filter(({ spec }) => spec !== undefined)
        .map(({ kind, metadata, spec }) => [`${kind}/${metadata.name}`, spec]),
    );
  };

  it('are established, and nothing in them is refused or wondered at', async () => {
    const { items } = JSON.parse(await run('get', 'customresourcedefinitions', '-o', 'json')) as {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
    };
    expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      kinds.map(({ plural }) => `${plural}.qwenfleet.io`).toSorted(),
    );
    for (const { status } of items) {
      expect(status.conditions.filter((condition) => condition.status === 'True').map(({ type }) => type)).toEqual(
        expect.arrayContaining(['Established', 'NamesAccepted']),
      );
      expect(status.conditions.map(({ type }) => type)).not.toContain('NonStructuralSchema');
    }
  });

  it('show every default that is in force, the same as on a laptop', async () => {
    await apply(tenLines);
    const stored = JSON.parse(await run('get', 'qd', 'qwen-7b', '-o', 'json')) as { spec: Record<string, unknown> };
    expect(stored.spec).toEqual(specsHere(tenLines).get('QwenDeployment/qwen-7b'));
    expect(stored.spec).toMatchObject({
      coldStart: { maxQueued: 1000, holdTimeout: '120s' },
      drain: { preStop: '15s', gracePeriod: '120s' },
      rollout: { strategy: 'Rolling', maxSurge: 0, maxUnavailable: 1 },
      scaling: { owner: 'Internal', window: { stable: '60s', panic: '6s', panicThreshold: 200 } },
    });
  });

  it.each(examples)('take examples/%s as it is, and read it as a laptop does', async (name) => {
    const text = readFileSync(path.join(exampleFolder, name), 'utf8');
    expect(specsThere(await apply(text, '--dry-run=server', '-o', 'json'))).toEqual(specsHere(text));
  });

  it('refuse a field that is not there, with its path, and drop it when told not to mind', async () => {
    const typo = tenLines.replace('tier: small', 'tier: small\n  replica: 3');
    expect(await refusal(cluster, ['apply', '-f', '-'], typo)).toContain('unknown field "spec.replica"');
    await apply(typo, '--validate=ignore');
    expect(await run('get', 'qd', 'qwen-7b', '-o', 'jsonpath={.spec.replica}|{.spec.tier}')).toBe('|small');
  });

  it('keep what they hand on to Kubernetes without looking inside', async () => {
    const podTemplate = { spec: { containers: [{ name: 'engine', imagePullPolicy: 'Never' }] } };
    await apply(objectOf('QwenDeployment', { spec: { podTemplate } }));
    const kept = await run('get', 'qd', 'example', '-o', 'jsonpath={.spec.podTemplate}');
    expect(JSON.parse(kept)).toEqual(podTemplate);
  });

  it('change nothing when what `kubectl get -o yaml` prints is applied again', async () => {
    await apply(tenLines);
    const printed = await run('get', 'qd', 'qwen-7b', '-o', 'yaml');
    expect((await cluster.kubectl(['diff', '-f', '-'], printed)).code).toBe(0);
    await apply(printed);
    expect(await run('get', 'qd', 'qwen-7b', '-o', 'jsonpath={.metadata.generation}')).toBe('1');
    expect([...specsHere(printed).values()]).toEqual([...specsHere(tenLines).values()]);
  });

  it('have an example for each rule that runs below', () => {
    const ids = kinds.flatMap(({ rules }) => rules.map(({ id }) => id));
    expect(ruleExamples.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  });

  it.each(ruleExamples)('refuse what breaks the rule $id, at the field at fault', async (example) => {
    const { id, kind, bad, good, before } = example;
    const rule = kinds.find((known) => known.kind === kind)?.rules.find((known) => known.id === id);
    if (!rule) throw new Error(`there is no rule ${id}`);
    if (before) await kubectl(cluster, ['create', '-f', '-'], objectOf(kind, before));
    const dryRun = [before ? 'replace' : 'create', '--dry-run=server', '-f', '-'];
    const field = `${rule.path.replaceAll('[]', '[0]')}${rule.fieldPath ?? ''}`.replace(/^\./, '');
    const complaint = await refusal(cluster, dryRun, objectOf(kind, bad));
    expect(complaint).toContain(`is invalid: ${field}: Invalid value: `);
    expect(complaint.trim().endsWith(rule.message)).toBe(true);
    expect(await kubectl(cluster, dryRun, objectOf(kind, good))).toContain('(server dry run)');
  });
});
