import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import { runtimeConfigSchema } from '@qwenfleet/core/fleet/runtime-config';
import { silentLogger } from '@qwenfleet/core/log';
import { adapterFolder } from '@qwenfleet/runtime/fixtures/adapter';
import { publishedCheckpoint, trainedOn } from '@qwenfleet/runtime/fixtures/checkpoint';
import { rejection } from '@qwenfleet/runtime/fixtures/generation';
import { fromLoopback } from '@qwenfleet/runtime/fixtures/served';
import { createApp, type App } from '@qwenfleet/runtime/http/app';
import { loadServedModel } from '@qwenfleet/runtime/load-model';
import { Service } from '@qwenfleet/runtime/service';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-adapters-'));
const checkpoint = publishedCheckpoint('qwen3');
afterAll(() =>
  [cacheDir, path.dirname(checkpoint)].forEach((folder) => rmSync(folder, { recursive: true, force: true })),
);

const services: Service[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.finish();
});

type Running = { app: App; service: Service };

async function started(changes: object = {}): Promise<Running> {
  const config = runtimeConfigSchema.parse({
    servedName: 'tiny',
    model: { uri: `file://${checkpoint}` },
    quantization: 'float32',
    cacheDir,
    engine: { slots: 8, contextLength: 128, threads: 2 },
    ...changes,
  });
  const source = {
    cacheDir,
    hub: { endpoint: 'http://127.0.0.1:9', token: undefined, cacheDir: path.join(cacheDir, 'hub') },
  };
  const service = new Service({
    config,
    clock: systemClock,
    rng: () => 0.5,
    log: silentLogger,
    freeMemory: () => 1e12,
    load: (model, parts) => loadServedModel(config, model, { ...parts, source, clock: systemClock }),
  });
  services.push(service);
  await service.start();
  return { app: createApp(service), service };
}

const post = async ({ app }: Running, at: string, body: object): Promise<Response> =>
  app.request(at, { method: 'POST', body: JSON.stringify(body) }, fromLoopback);

/** The greedy answer's text; what went wrong, when something did. */
async function answer(running: Running, model: string, content = 'a tale', tokens = 24): Promise<string> {
  const messages = [{ role: 'user', content }];
  const response = await post(running, '/v1/chat/completions', { model, messages, temperature: 0, max_tokens: tokens });
  const body = (await response.json()) as { choices?: { message: { content: string } }[]; error?: { message: string } };
  return body.choices?.[0]?.message.content ?? `failed: ${body.error?.message}`;
}

const folders = new Map<number, string>();
function adapter(seed: number): string {
  const folder = folders.get(seed) ?? adapterFolder(checkpoint, { seed, magnitude: 0.4 });
  folders.set(seed, folder);
  return folder;
}
afterAll(() =>
  [...folders.values()].forEach((folder) => rmSync(path.dirname(folder), { recursive: true, force: true })),
);
const listed = (seeds: readonly number[]): object[] =>
  seeds.map((seed) => ({ name: `adapter-${seed}`, uri: `file://${adapter(seed)}` }));

describe('adapters of a running model', () => {
  it('answer as the model does that they were merged into, and the model as without them', async () => {
    const plain = await answer(await started(), 'tiny');
    const stacked = await started({ adapters: { list: listed([1, 2]) } });
    const texts = [plain];
    for (const seed of [1, 2]) {
      const merged = await started({
        model: { uri: `file://${checkpoint}`, merge: [{ uri: `file://${adapter(seed)}` }] },
      });
      texts.push(await answer(merged, 'tiny'));
    }
    expect(new Set(texts).size).toBe(3);
    const asked = ['tiny', 'adapter-1', 'adapter-2'];
    expect(await Promise.all(asked.map((model) => answer(stacked, model)))).toEqual(texts);
  });

  it('are fifty over eight places, and answer under load as each does alone', async () => {
    const seeds = Array.from({ length: 50 }, (_, index) => index + 1);
    const running = await started({ adapters: { places: 8, rankMax: 4, list: listed(seeds) } });
    const names = [...seeds.map((seed) => `adapter-${seed}`), 'tiny'];
    const alone = new Map<string, string>();
    for (const name of names) alone.set(name, await answer(running, name));
    expect(new Set(alone.values()).size).toBeGreaterThan(45);
    const asked = Array.from({ length: 153 }, (_, index) => names[(index * 7) % 51] ?? '');
    const answers = await Promise.all(asked.map((name) => answer(running, name)));
    expect(answers).toEqual(asked.map((name) => alone.get(name)));
  });

  it('come and go while eight streams run, and change no token', async () => {
    const running = await started({ adapters: { places: 3, rankMax: 4, list: listed([1, 2]) } });
    const streams = Array.from(
      { length: 8 },
      (_, index) => [['tiny', 'adapter-1', 'adapter-2'][index % 3] ?? '', `tale ${index}`] as const,
    );
    const ask = (): Promise<string[]> =>
      Promise.all(streams.map(([model, content]) => answer(running, model, content, 90)));
    const before = await ask();
    let over = false;
    const during = ask().finally(() => (over = true));
    let rounds = 0;
    while (!over) {
      const name = `guest-${rounds}`;
      const loaded = await post(running, '/v1/load_lora_adapter', {
        lora_name: name,
        lora_path: adapter(3 + (rounds % 3)),
      });
      expect(await loaded.text()).toBe(`Success: LoRA adapter '${name}' added successfully.`);
      expect(await answer(running, name, 'a tale', 2)).not.toMatch(/^failed/);
      expect((await post(running, '/v1/unload_lora_adapter', { lora_name: name })).status).toBe(200);
      rounds += 1;
    }
    expect(await during).toEqual(before);
    expect(rounds).toBeGreaterThan(2);
    expect(running.service.report().adapters).toEqual(['adapter-1', 'adapter-2']);
  });

  it('are added to other weights by a hot update', async () => {
    const next = trainedOn(checkpoint);
    const running = await started({ adapters: { list: listed([1]) } });
    const before = await answer(running, 'adapter-1');
    running.service.update({ uri: `file://${next}` });
    await expect.poll(() => running.service.status().update?.state, { timeout: 30_000 }).toBe('done');
    const merged = await started({ model: { uri: `file://${next}`, merge: [{ uri: `file://${adapter(1)}` }] } });
    rmSync(path.dirname(next), { recursive: true });
    const after = await answer(running, 'adapter-1');
    expect(after).toBe(await answer(merged, 'tiny'));
    expect(after).not.toBe(before);
  });
});

describe('a model does not start', () => {
  const wrong = adapterFolder(checkpoint, { config: { use_dora: true } });
  afterAll(() => rmSync(path.dirname(wrong), { recursive: true, force: true }));

  it.each<[string, object, object]>([
    [
      'with an adapter that it cannot use',
      { adapters: { list: [{ name: 'x', uri: `file://${wrong}` }] } },
      { code: 'unsupported_model', message: expect.stringMatching(/^adapter "x": adapter_config.json: use_dora/) },
    ],
    [
      'with an adapter that is nowhere',
      { adapters: { list: [{ name: 'x', uri: 'file:///nowhere' }] } },
      { code: 'source_not_found', message: expect.stringMatching(/^adapter "x": there is no nowhere/) },
    ],
    [
      'with an adapter of too large a rank',
      { adapters: { rankMax: 2, list: listed([1]) } },
      { code: 'unsupported_model', message: expect.stringMatching(/has rank 4, and adapters.rankMax is 2/) },
    ],
    [
      'with an adapter to merge that is nowhere',
      { model: { uri: `file://${checkpoint}`, merge: [{ uri: 'file:///nowhere' }] } },
      { code: 'source_not_found', message: expect.stringMatching(/^model.merge\[0\]: there is no nowhere/) },
    ],
    [
      'with an adapter to merge that it cannot use',
      { model: { uri: `file://${checkpoint}`, merge: [{ uri: `file://${wrong}` }] } },
      { code: 'unsupported_model' },
    ],
    [
      'with another digest than is wanted',
      { adapters: { list: [{ name: 'x', uri: `file://${adapter(1)}`, sha256: '0'.repeat(64) }] } },
      { code: 'digest_mismatch', message: expect.stringMatching(/^adapter "x": .*Correct sha256/) },
    ],
  ])('%s', async (_, changes, wanted) => {
    expect(await rejection(started(changes))).toMatchObject(wanted);
  });
});
