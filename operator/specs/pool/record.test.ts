import { describe, expect, it } from 'vitest';
import { deploymentOf, gpuClass, objectsOf, ofKind, poolFor, everything } from '../harness/pool.ts';
import type { KubeObject } from '../object.ts';
import { newRecord, readRecord, recordConfigMap, recordsToKeep, type RevisionRecord } from './record.ts';

type ConfigMap = KubeObject<{ immutable: boolean; data: Record<string, string> }>;
type Template = { spec: { containers: { image: string }[] } };
type Workload = KubeObject<{ spec: { replicas?: number; template: Template } }>;

const deployment = deploymentOf();
const configMapOf = (objects: readonly KubeObject[]): ConfigMap => ofKind(objects, 'ConfigMap') as ConfigMap;

/** As the API server gives it back. */
function recorded(objects: readonly KubeObject[]): RevisionRecord {
  const record = readRecord(structuredClone(configMapOf(objects)));
  if (record) return record;
  throw new Error('the ConfigMap is no record');
}

describe('the record of a revision', () => {
  it('comes back from its ConfigMap as it was, so that writing it again changes nothing', () => {
    const pool = poolFor(deployment);
    const configMap = recordConfigMap(deployment, pool, newRecord(pool)) as ConfigMap;
    const back = readRecord(configMap);
    expect(back && recordConfigMap(deployment, pool, back)).toEqual(configMap);
    expect(configMap.immutable).toBe(true);
  });

  it('of a pool over several nodes comes back too', () => {
    const pool = poolFor(
      deploymentOf({ hardware: { class: 'gpu', count: 8 }, parallelism: { tensor: 8, pipeline: 2 } }),
      {
        hardwareClass: gpuClass,
        capabilities: everything,
      },
    );
    const record = newRecord(pool);
    expect(readRecord(recordConfigMap(deployment, pool, record) as ConfigMap)?.workload).toEqual(record.workload);
  });

  it('has what the runtime reads, at the path and port of a pod', () => {
    const { data } = configMapOf(objectsOf(deployment).objects);
    expect(JSON.parse(data['runtime.json'] ?? '')).toMatchObject({
      model: { uri: 'hf://Qwen/Qwen3-0.6B' },
      listen: { host: '0.0.0.0', port: 8000 },
      cacheDir: '/var/cache/qwenfleet',
    });
  });

  it('beside which other weights are in force keeps its own, and pods find these where they look', () => {
    const [first, second] = [deploymentOf(), deploymentOf({ model: { uri: 'hf://Qwen/Qwen3-1.7B' } })];
    const before = objectsOf(first).objects;
    const { revision } = recorded(before);
    const after = objectsOf(second, {
      records: [recorded(before)],
      live: () => [{ revision }],
      begins: new Map([[revision, poolFor(second).revision]]),
    }).objects;
    const configMaps = after.filter(({ kind }) => kind === 'ConfigMap') as ConfigMap[];
    const [beside] = configMaps.filter(({ data }) => 'model.json' in data);
    expect(beside?.metadata.name).toBe(`chat-${revision}-model`);
    expect(beside?.data).toEqual({ 'model.json': '{"uri":"hf://Qwen/Qwen3-1.7B"}' });
    expect(JSON.stringify(ofKind(after, 'Deployment'))).toContain(`"name":"chat-${revision}-model","optional":true`);
    expect(configMaps.find(({ metadata }) => metadata.name === `chat-${revision}`)).toEqual(configMapOf(before));
    expect((ofKind(after, 'Deployment') as Workload).spec.template).toEqual(
      (ofKind(before, 'Deployment') as Workload).spec.template,
    );
  });

  it('says of whose token the runtime may be told, never the token', () => {
    const pool = { ...poolFor(deployment), adminTokenSha256: 'b'.repeat(64) };
    expect(JSON.parse(newRecord(pool).runtimeJson ?? '')).toMatchObject({ admin: { tokenSha256: 'b'.repeat(64) } });
    expect(newRecord(pool).revision).toBe(poolFor(deployment).revision);
  });

  it('holds when a newer operator would write other pods', () => {
    const before = objectsOf(deployment).objects;
    const images = { qwen: 'qwenfleet/runtime:newer', vllm: 'newer', triton: 'newer' };
    const after = objectsOf(deployment, { images, records: [recorded(before)] }).objects;
    expect(after).toEqual(before);
    const fresh = objectsOf(deployment, { images }).objects;
    expect((ofKind(fresh, 'Deployment') as Workload).spec.template.spec.containers[0]?.image).toBe(images.qwen);
  });

  it.each([
    ['somebody else', { metadata: { name: 'a' }, data: { 'workload.json': '{}' } }],
    ['nothing', { metadata: { name: 'a', labels: { 'qwenfleet.io/revision': 'a' } } }],
    ['no JSON', { metadata: { name: 'a', labels: { 'qwenfleet.io/revision': 'a' } }, data: { 'workload.json': '{' } }],
    [
      'a pod without containers',
      {
        metadata: { name: 'a', labels: { 'qwenfleet.io/revision': 'a' } },
        data: {
          'workload.json': '{"kind":"Deployment","template":{"metadata":{"labels":{}},"spec":{"containers":[]}}}',
        },
      },
    ],
  ])('is not read from a ConfigMap of %s', (_what, configMap) => {
    expect(readRecord(configMap)).toBeUndefined();
  });
});

describe('a rollout', () => {
  const next = deploymentOf({ quantization: 'int8' });
  const old = recorded(objectsOf(deployment).objects);

  it('has a workload for each revision that runs, the old one with the pods of then', () => {
    const live = (newest: string) => [
      { revision: old.revision, replicas: 3 },
      { revision: newest, replicas: 1 },
    ];
    const { objects, revision } = objectsOf(next, { records: [old], live });
    const workloads = objects.filter(({ kind }) => kind === 'Deployment') as Workload[];
    expect(workloads.map(({ metadata, spec }) => [metadata.name, spec.replicas])).toEqual([
      [`chat-${old.revision}`, 3],
      [`chat-${revision}`, 1],
    ]);
    expect(workloads[0]).toMatchObject({ spec: { template: { spec: { volumes: expect.anything() } } } });
    expect(JSON.stringify(workloads[0])).toContain(`"name":"chat-${old.revision}"`);
  });

  it('leaves replicas to whoever writes them', () => {
    const { objects } = objectsOf(deployment, { live: (newest) => [{ revision: newest }] });
    expect((ofKind(objects, 'Deployment') as Workload).spec).not.toHaveProperty('replicas');
  });

  it('keeps the record of an old revision for a rollback, after its workload has gone', () => {
    const { objects } = objectsOf(next, { records: [old] });
    const names = objects.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
    expect(names).toContain(`chat-${old.revision}`);
    expect(objects.filter(({ kind }) => kind === 'Deployment')).toHaveLength(1);
  });

  it('cannot run a revision that nobody has a record of', () => {
    const live = () => [{ revision: 'forgotten', replicas: 1 }];
    expect(objectsOf(next, { live }).objects.filter(({ kind }) => kind === 'Deployment')).toEqual([]);
  });
});

describe('records', () => {
  const record = (revision: string, createdAt: string): RevisionRecord => ({
    ...newRecord(poolFor(deployment)),
    revision,
    createdAt,
  });
  const all = [
    record('a', '2026-01-01T00:00:00Z'),
    record('b', '2026-01-03T00:00:00Z'),
    record('c', '2026-01-02T00:00:00Z'),
  ];
  const kept = (live: string[], limit: number) =>
    recordsToKeep(all, new Set(live), limit).map(({ revision }) => revision);

  it('stay while their revision runs, however old it is', () => {
    expect(kept(['a'], 0)).toEqual(['a']);
  });

  it('stay for a rollback, the newest first, up to the limit', () => {
    expect(kept(['a'], 1)).toEqual(['b', 'a']);
    expect(kept([], 2)).toEqual(['b', 'c']);
    expect(kept([], 9)).toEqual(['b', 'c', 'a']);
  });
});
