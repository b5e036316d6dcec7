import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { adapterFolder, removeAdapters } from '@qwenfleet/runtime/fixtures/adapter';
import { publishedCheckpoint, trainedOn } from '@qwenfleet/runtime/fixtures/checkpoint';
import { rejection } from '@qwenfleet/runtime/fixtures/generation';
import type { Service } from '@qwenfleet/runtime/service';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { answer, answersUnderLoad, post, startService, type RunningService } from '../harness/adapter-service.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-adapters-'));
const checkpoint = publishedCheckpoint('qwen3');
afterAll(() =>
  [cacheDir, path.dirname(checkpoint)].forEach((folder) => rmSync(folder, { recursive: true, force: true })),
);

const services: Service[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.finish();
});

async function started(changes: object = {}): Promise<RunningService> {
  const running = await startService(checkpoint, cacheDir, changes);
  services.push(running.service);
  return running;
}

const folders = new Map<number, string>();
function adapter(seed: number): string {
  const folder = folders.get(seed) ?? adapterFolder(checkpoint, { seed, magnitude: 0.4 });
  folders.set(seed, folder);
  return folder;
}
afterAll(removeAdapters);
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
    expect(await answersUnderLoad(running, names)).toMatchObject({ asked: 153, other: 0, distinct: 51 });
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
    let rounds = 0;
    let over = false;
    const during = (async () => {
      const seen: string[][] = [];
      do seen.push(await ask());
      while (rounds < 4);
      return seen;
    })().finally(() => (over = true));
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
    for (const seen of await during) expect(seen).toEqual(before);
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
