import { FleetError } from '@qwenfleet/core/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strategicMerge } from './strategic-merge.ts';

const template = {
  metadata: { labels: { app: 'chat' } },
  spec: {
    containers: [
      { name: 'engine', image: 'engine:1', env: [{ name: 'HOME', value: '/tmp' }], args: ['--a'] },
      { name: 'side', image: 'side:1' },
    ],
    volumes: [{ name: 'cache', emptyDir: {} }],
    tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }],
    securityContext: { runAsNonRoot: true, fsGroup: 1 },
  },
};

const engineOf = (merged: unknown) => (merged as typeof template).spec.containers[0];
const patchEngine = (patch: object) =>
  strategicMerge(template, { spec: { containers: [{ name: 'engine', ...patch }] } });

describe('a patch of the pod template', () => {
  it('changes one container and leaves the others where they are', () => {
    const merged = patchEngine({ image: 'engine:2' }) as typeof template;
    expect(merged.spec.containers.map(({ name, image }) => [name, image])).toEqual([
      ['engine', 'engine:2'],
      ['side', 'side:1'],
    ]);
  });

  it('adds and changes variables by name', () => {
    const env = [
      { name: 'HOME', value: '/home' },
      { name: 'TZ', value: 'UTC' },
    ];
    expect(engineOf(patchEngine({ env }))?.env).toEqual(env);
  });

  it('replaces lists that have no key, such as arguments', () => {
    expect(engineOf(patchEngine({ args: ['--b', '--c'] }))?.args).toEqual(['--b', '--c']);
  });

  it('adds containers and volumes at the end', () => {
    const merged = strategicMerge(template, {
      spec: { containers: [{ name: 'new', image: 'new:1' }], volumes: [{ name: 'more', emptyDir: {} }] },
    }) as typeof template;
    expect(merged.spec.containers.map(({ name }) => name)).toEqual(['engine', 'side', 'new']);
    expect(merged.spec.volumes.map(({ name }) => name)).toEqual(['cache', 'more']);
  });

  it('adds tolerations to those of the hardware, each once', () => {
    const own = { key: 'nvidia.com/gpu', operator: 'Exists' };
    const spot = { key: 'spot', operator: 'Exists' };
    const merged = strategicMerge(template, { spec: { tolerations: [own, spot] } }) as typeof template;
    expect(merged.spec.tolerations).toEqual([own, spot]);
  });

  it('removes a field that is null', () => {
    const merged = strategicMerge(template, { spec: { securityContext: { fsGroup: null } } }) as typeof template;
    expect(merged.spec.securityContext).toEqual({ runAsNonRoot: true });
  });

  it('replaces an object with $patch: replace, and an item of a list too', () => {
    const merged = strategicMerge(template, {
      spec: {
        securityContext: { $patch: 'replace', runAsUser: 7 },
        volumes: [{ $patch: 'replace', name: 'cache', persistentVolumeClaim: { claimName: 'a' } }],
      },
    }) as typeof template;
    expect(merged.spec.securityContext).toEqual({ runAsUser: 7 });
    expect(merged.spec.volumes).toEqual([{ name: 'cache', persistentVolumeClaim: { claimName: 'a' } }]);
  });

  it('replaces a whole list when its first item says so', () => {
    const merged = strategicMerge(template, {
      spec: { containers: [{ $patch: 'replace' }, { name: 'only', image: 'only:1' }] },
    }) as typeof template;
    expect(merged.spec.containers).toEqual([{ name: 'only', image: 'only:1' }]);
  });

  it('takes an item out with $patch: delete, and minds nothing when there is none', () => {
    const remove = (name: string) =>
      strategicMerge(template, { spec: { containers: [{ $patch: 'delete', name }] } }) as typeof template;
    expect(remove('side').spec.containers.map(({ name }) => name)).toEqual(['engine']);
    expect(remove('nobody').spec.containers).toEqual(template.spec.containers);
  });

  it('empties an object with $patch: delete', () => {
    expect(strategicMerge(template, { metadata: { labels: { $patch: 'delete' } } })).toMatchObject({
      metadata: { labels: {} },
    });
  });

  it.each([
    ['a directive that it does not know', { spec: { $retainKeys: ['a'] } }, 'spec.podTemplate.spec'],
    ['an order of items', { spec: { '$setElementOrder/containers': [] } }, 'spec.podTemplate.spec'],
    ['another way to patch', { spec: { $patch: 'append' } }, 'spec.podTemplate.spec'],
    ['an item without its name', { spec: { containers: [{ image: 'a' }] } }, 'spec.podTemplate.spec.containers'],
    ['an item that is no object', { spec: { volumes: ['cache'] } }, 'spec.podTemplate.spec.volumes'],
  ])('is refused with %s, and says where', (_what, patch, param) => {
    const attempt = () => strategicMerge(template, patch);
    expect(attempt).toThrow(FleetError);
    expect(attempt).toThrow(expect.objectContaining({ code: 'invalid_config', param }));
  });

  it('carries no nulls and no directives into what it adds', () => {
    const patch = {
      spec: { containers: [{ name: 'new', image: 'a', env: null, resources: { $patch: 'replace', a: null } }] },
    };
    const merged = strategicMerge(template, patch);
    expect(JSON.stringify(merged)).not.toMatch(/null|\$patch/);
  });
});

describe('any patch', () => {
  const plain = fc.jsonValue({ maxDepth: 3 }).filter((value) => !JSON.stringify(value).includes('$'));
  const patches = fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), plain);

  it('changes neither what it is applied to nor itself', () => {
    fc.assert(
      fc.property(patches, patches, (base, patch) => {
        const before = JSON.stringify([base, patch]);
        strategicMerge(base, patch);
        expect(JSON.stringify([base, patch])).toBe(before);
      }),
    );
  });

  it('has the same result when it is applied twice', () => {
    fc.assert(
      fc.property(patches, patches, (base, patch) => {
        const once = strategicMerge(base, patch);
        expect(strategicMerge(once, patch)).toEqual(once);
      }),
    );
  });

  it('that is empty changes nothing', () => {
    fc.assert(
      fc.property(patches, (base) => {
        expect(strategicMerge(base, {})).toEqual(base);
      }),
    );
  });
});
