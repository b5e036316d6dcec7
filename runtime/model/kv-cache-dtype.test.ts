import { existsSync, readFileSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Generator } from '../backend/backend.ts';
import { OrtGenerator } from '../backend/ort/generator.ts';
import { nativeBytes } from '../backend/ort/memory.ts';
import { nativeObjects } from '../backend/ort/session.ts';
import { checkpointFolder, type Family } from '../fixtures/checkpoint.ts';
import { graphFolder } from '../fixtures/graph.ts';
import { compareModels } from '../quality/compare.ts';
import { dataFileName, graphFileName } from './build-graph.ts';
import { cachedGraph } from './graph-cache.ts';
import { loadModel } from './load.ts';
import { readModel } from './read.ts';

const { cacheDir, dispose } = graphFolder();
afterAll(dispose);
const common = { slots: 4, slotTokens: 64, threads: 1, quantization: 'float32', cacheDir } as const;

async function opened(kvCacheDtype: 'float32' | 'int8', family: Family = 'qwen3'): Promise<OrtGenerator> {
  const loaded = await loadModel(readModel(checkpointFolder(family)), { ...common, kvCacheDtype });
  if (loaded instanceof OrtGenerator) return loaded;
  throw new Error('no generator');
}

const text = Array.from({ length: 200 }, (_, at) => (at * 97 + 5) % 384);

describe('a cache in int8', () => {
  it.each<Family>(['llama', 'qwen2', 'qwen3', 'qwen3-moe', 'qwen3-yarn'])(
    'foretells what one in float32 foretells: %s',
    async (family) => {
      const models: Generator[] = [];
      try {
        for (const dtype of ['float32', 'int8'] as const) models.push(await opened(dtype, family));
        const [exact, other] = models;
        if (!exact || !other) throw new Error('none');
        const { meanKl } = (await compareModels(exact, other, text)).other;
        expect(meanKl).toBeGreaterThan(0);
        expect(meanKl).toBeLessThan(0.005);
      } finally {
        for (const model of models) await model.release();
      }
      expect(nativeObjects()).toEqual({ sessions: 0, weights: 0, tensors: 0 });
      expect(nativeBytes()).toBe(0);
    },
  );

  it('finds its scales once, and keeps them beside its graph', async () => {
    const folder = await cachedGraph(readModel(checkpointFolder('qwen3')), {
      ...common,
      kvCacheDtype: 'int8',
      contextLength: common.slotTokens,
    });
    const file = path.join(folder, `${graphFileName}.kv-scales`);
    const first = await opened('int8');
    const scales = first.kvScales.slice();
    await first.release();
    expect(readFileSync(file).length).toBe(scales.byteLength);
    const second = await opened('int8');
    expect(second.kvScales.slice()).toEqual(scales);
    await second.release();
    // Half a file is none.
    truncateSync(file, 5);
    const third = await opened('int8');
    expect(third.kvScales.slice()).toEqual(scales);
    await third.release();
    expect(existsSync(path.join(folder, dataFileName))).toBe(true);
  });
});
