import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { adapterFolder } from '@qwenfleet/runtime/fixtures/adapter';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFleet, type RunningFleet } from '../harness/fleet.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-adapters-'));
const checkpoint = publishedCheckpoint();
const adapters = [1, 2].map((seed) => adapterFolder(checkpoint, { seed, magnitude: 0.4 }));
const file = path.join(folder, 'fleet.yaml');
writeFileSync(
  file,
  `apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: tiny}
spec:
  tier: small
  model: {uri: "file://${checkpoint}"}
  quantization: float32
  hardware: {class: cpu}
  engine: {contextLength: 256, maxConcurrency: 4}
  replicas: 1
  adapters:
    - {name: polite, uri: "file://${adapters[0]}"}
    - {name: brief, uri: "file://${adapters[1]}"}
---
apiVersion: qwenfleet.io/v1alpha1
kind: QwenRouter
metadata: {name: router}
spec: {}
`,
);

let fleet: RunningFleet;
let client: OpenAI;
beforeAll(async () => {
  fleet = await startFleet({ args: ['--fleet', file], env: { QWENFLEET_CACHE: path.join(folder, 'cache') } });
  client = new OpenAI({ baseURL: `${fleet.url}/v1`, apiKey: 'none' });
});
afterAll(async () => {
  await fleet?.stop();
  for (const made of [folder, path.dirname(checkpoint), ...adapters.map((each) => path.dirname(each))])
    rmSync(made, { recursive: true, force: true });
});

async function answer(model: string): Promise<{ said: string; model: string }> {
  const messages = [{ role: 'user' as const, content: 'a tale' }];
  const found = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 24 });
  return { said: found.choices[0]?.message.content ?? '', model: found.model };
}

describe('adapters of a pool, through the router', () => {
  it('answer under their own names, each in its own way', async () => {
    const names = ['tiny', 'polite', 'brief'];
    const answers = await Promise.all(names.map(answer));
    expect(new Set(answers.map(({ said }) => said)).size).toBe(3);
    expect(answers.map(({ model }) => model)).toEqual(names);
    // Which one is asked for decides, and nothing else.
    for (const [at, name] of names.entries()) expect(await answer(name)).toEqual(answers[at]);
  });

  it('are listed as models that belong to one', async () => {
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toEqual(['auto', 'tiny', 'polite', 'brief']);
    expect(data.slice(2)).toMatchObject([{ parent: 'tiny' }, { parent: 'tiny' }]);
  });

  it('are what `auto` does not choose', async () => {
    expect((await answer('auto')).said).toBe((await answer('tiny')).said);
  });
});
