import { openApiOf, type Schema } from '@qwenfleet/crds/openapi';
import { kinds, type Kind } from '@qwenfleet/crds/kinds';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { kubectl, refusal } from '../harness/cluster/kubectl.ts';

const object = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'qwenfleet.io/v1alpha1',
  kind,
  metadata: { name },
  spec,
});
const pool = (name: string, spec: object = {}): object =>
  object('QwenDeployment', name, {
    tier: 'small',
    model: { uri: 'hf://Qwen/Qwen3-4B' },
    quantization: 'int8',
    hardware: { class: 'l4' },
    ...spec,
  });
const condition = (reason: string): object => ({
  type: 'Ready',
  status: 'False',
  reason,
  message: 'For people.',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

/** The rows of a table of kubectl, cells apart by three spaces or more; how old something is becomes AGE. */
const rows = (table: string): string[][] =>
  table
    .trim()
    .split('\n')
    .map((line) =>
      line
        .trim()
        .split(/ {3,}/)
        .map((cell) => (/^(\d+[smh])+$/.test(cell) ? 'AGE' : cell)),
    );

/** The names of fields, one a line and indented, as `kubectl explain --recursive` prints them. */
function fieldTree(schema: Schema, depth = 1): string[] {
  const below = schema.items ?? schema;
  return Object.keys(below.properties ?? {})
    .toSorted()
    .flatMap((name) => [`${'  '.repeat(depth)}${name}`, ...fieldTree(below.properties?.[name] ?? {}, depth + 1)]);
}

describe.skipIf(await clusterMissing)('kubectl on the custom resources', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
  });
  afterAll(() => cluster?.stop());

  const run = (...args: string[]): Promise<string> => kubectl(cluster, args);
  const apply = (input: unknown): Promise<string> => kubectl(cluster, ['apply', '-f', '-'], input);
  const status = (resource: string, patch: object): Promise<string> =>
    run('patch', resource, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: patch }));

  describe('get', () => {
    beforeAll(async () => {
      await apply(pool('qwen-7b', { scaling: {} }));
      await status('qd/qwen-7b', {
        servedName: 'chat',
        readyReplicas: 2,
        updatedReplicas: 1,
        url: 'http://qwen-7b.default:8000',
        scaling: { desired: 3 },
        rollout: { currentRevision: '3f2a1c', weight: 25 },
        conditions: [condition('InsufficientGPU')],
      });
      await apply(object('QwenRouter', 'gateway', { replicas: 2 }));
      await status('qr/gateway', { readyReplicas: 1, url: 'http://gateway:8080', conditions: [condition('Degraded')] });
      await apply(
        object('HardwareClass', 'l4', { accelerator: { resourceName: 'nvidia.com/gpu' }, pricePerHour: '0.7' }),
      );
      await status('hc/l4', { devices: 8, devicesFree: 3 });
    });

    it('shows how a pool is', async () => {
      expect(rows(await run('get', 'qd'))).toEqual([
        ['NAME', 'MODEL', 'TIER', 'QUANT', 'READY', 'DESIRED', 'UPDATED', 'STATE', 'REV', 'AGE'],
        ['qwen-7b', 'chat', 'small', 'int8', '2', '3', '1', 'InsufficientGPU', '3f2a1c', 'AGE'],
      ]);
    });

    it('shows where it answers and who scales it, with -o wide', async () => {
      const [head, row] = rows(await run('get', 'qd', '-o', 'wide'));
      expect(head?.slice(-4)).toEqual(['AGE', 'URL', 'SCALER', 'WEIGHT']);
      expect(row?.slice(-4)).toEqual(['AGE', 'http://qwen-7b.default:8000', 'Internal', '25']);
    });

    it('shows routers and hardware', async () => {
      expect(rows(await run('get', 'qr'))).toEqual([
        ['NAME', 'REPLICAS', 'READY', 'STATE', 'URL', 'AGE'],
        ['gateway', '2', '1', 'Degraded', 'http://gateway:8080', 'AGE'],
      ]);
      expect(rows(await run('get', 'hc'))).toEqual([
        ['NAME', 'RESOURCE', 'PRICE', 'DEVICES', 'FREE', 'AGE'],
        ['l4', 'nvidia.com/gpu', '0.7', '8', '3', 'AGE'],
      ]);
    });

    it('finds all of them as qwen', async () => {
      expect((await run('get', 'qwen', '-o', 'name')).trim().split('\n').toSorted()).toEqual([
        'hardwareclass.qwenfleet.io/l4',
        'qwendeployment.qwenfleet.io/qwen-7b',
        'qwenrouter.qwenfleet.io/gateway',
      ]);
    });
  });

  describe('explain', () => {
    it.each(kinds)('lists every field of $kind', async (kind: Kind) => {
      const [, ...lines] = (await run('explain', `${kind.plural}.spec`, '--recursive')).split('FIELDS:\n');
      const printed = lines
        .join('')
        .split('\n')
        .filter((line) => /^ *[A-Za-z0-9]+\t/.test(line));
      expect(printed.map((line) => line.split('\t')[0])).toEqual(fieldTree(openApiOf(kind.spec)));
    });

    it('has something to say about every field', async () => {
      const document = JSON.parse(await run('get', '--raw', '/openapi/v3/apis/qwenfleet.io/v1alpha1')) as {
        components: { schemas: Record<string, Schema> };
      };
      const silent = kinds.flatMap(({ kind }) => {
        const schema = document.components.schemas[`io.qwenfleet.v1alpha1.${kind}`];
        return ['spec', 'status'].flatMap((part) => undescribed(schema?.properties?.[part] ?? {}, `${kind}.${part}`));
      });
      expect(silent).toEqual([]);
    });

    it('tells a person what a field is for', async () => {
      const text = await run('explain', 'qd.spec.scaling.minReplicas');
      expect(text.replaceAll(/\s+/g, ' ')).toContain('Fewest replicas. 0 lets an idle pool disappear');
      expect(text).toContain('Default: 0.');
    });
  });

  describe('scale', () => {
    beforeEach(() => kubectl(cluster, ['delete', 'qwendeployments,qwenrouters', '--all', '--wait']));

    const replicas = (): Promise<string> => run('get', 'qd', 'pool', '-o', 'jsonpath={.spec.replicas}');
    const owner = (name: string): Promise<string> => apply(pool('pool', { scaling: { owner: name } }));
    const scaleSubresource = '/apis/qwenfleet.io/v1alpha1/namespaces/default/qwendeployments/pool/scale';

    it('sets a fixed number of replicas', async () => {
      await apply(pool('pool', { replicas: 1 }));
      await run('scale', 'qd/pool', '--current-replicas=1', '--replicas=3');
      expect(await replicas()).toBe('3');
      expect(await refusal(cluster, ['scale', 'qd/pool', '--replicas=1001'])).toContain('less than or equal to 1000');
    });

    it('sets how many routers there are', async () => {
      await apply(object('QwenRouter', 'gateway', {}));
      await run('scale', 'qr/gateway', '--current-replicas=1', '--replicas=2');
      expect(await run('get', 'qr', 'gateway', '-o', 'jsonpath={.spec.replicas}')).toBe('2');
    });

    it('is told by a pool that scales itself who is in charge', async () => {
      await owner('Internal');
      expect(await refusal(cluster, ['scale', 'qd/pool', '--replicas=3'])).toContain('set scaling.owner to who writes');
    });

    it.each(['KEDA', 'HPA', 'None'])('is free to write replicas once they belong to %s', async (name) => {
      await owner(name);
      await run('scale', 'qd/pool', '--replicas=3');
      await run('scale', 'qd/pool', '--current-replicas=3', '--replicas=0');
      expect(await replicas()).toBe('0');
    });

    it('tells an autoscaler how many there are and which pods they are', async () => {
      await owner('HPA');
      await run('scale', 'qd/pool', '--replicas=2');
      await status('qd/pool', { replicas: 1, selector: 'qwenfleet.io/pool=pool' });
      expect(JSON.parse(await run('get', '--raw', scaleSubresource))).toMatchObject({
        kind: 'Scale',
        spec: { replicas: 2 },
        status: { replicas: 1, selector: 'qwenfleet.io/pool=pool' },
      });
    });

    // Why the operator writes replicas itself, once, when it hands a pool over.
    it('cannot be read by an autoscaler before anybody has written replicas', async () => {
      await owner('HPA');
      expect(await refusal(cluster, ['get', '--raw', scaleSubresource])).toContain('".spec.replicas" does not exist');
    });

    it('hands a pool back by the same file that gave it away, whatever was written meanwhile', async () => {
      await owner('HPA');
      await run('scale', 'qd/pool', '--replicas=3');
      await owner('Internal');
      expect(await replicas()).toBe('3');
      await apply(pool('pool', { scaling: { owner: 'Internal', maxReplicas: 8 } }));
      expect(await refusal(cluster, ['scale', 'qd/pool', '--replicas=4'])).toContain('set scaling.owner to who writes');
      await run('patch', 'qd/pool', '--type=merge', '-p', '{"spec":{"replicas":null}}');
      expect(await replicas()).toBe('');
    });

    it('is not let in by the back door: a fixed number and a scaler still exclude each other', async () => {
      await apply(pool('pool', { replicas: 2 }));
      expect(await refusal(cluster, ['apply', '-f', '-'], pool('pool', { replicas: 2, scaling: {} }))).toContain(
        'replicas and scaling exclude each other',
      );
    });
  });

  it('lets the scaler that owns a pool keep its number when the file is applied again by the server', async () => {
    const file = pool('shared', { scaling: { owner: 'KEDA' } });
    const applyBy = (input: object): Promise<string> =>
      kubectl(cluster, ['apply', '--server-side', '--field-manager=platform', '-f', '-'], input);
    await applyBy(file);
    await run('scale', 'qd/shared', '--replicas=3');
    await applyBy(file);
    expect(await run('get', 'qd', 'shared', '-o', 'jsonpath={.spec.replicas}')).toBe('3');
  });
});

function undescribed(schema: Schema, at: string): string[] {
  const below = schema.items ?? schema;
  const inner = Object.entries(below.properties ?? {}).flatMap(([name, field]) => undescribed(field, `${at}.${name}`));
  return (schema.description ?? '').length < 5 ? [at, ...inner] : inner;
}
