import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { quantizations } from '@qwenfleet/core/fleet/runtime-config';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFolder } from '../fixtures/checkpoint.ts';
import { buildGraph, dataFileName } from './build-graph.ts';
import { memoryBytesMin } from './memory.ts';
import { readModel } from './read.ts';

const root = mkdtempSync(path.join(tmpdir(), 'qwenfleet-memory-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('what a model takes in memory at least', () => {
  const families = ['llama', 'qwen2', 'qwen3', 'qwen3-moe', 'qwen3-embedding', 'bert'] as const;
  it.each(families.flatMap((family) => quantizations.map((quantization) => [family, quantization] as const)))(
    'is no more than is built of it, and most of that: %s in %s',
    (family, quantization) => {
      const model = readModel(checkpointFolder(family));
      const folder = mkdtempSync(path.join(root, 'graph-'));
      buildGraph(model, folder, { quantization, contextLength: 16 });
      const bytes = statSync(path.join(folder, dataFileName)).size;
      const least = memoryBytesMin(model.description, { quantization, slots: 0, slotTokens: 0 });
      expect(least).toBeLessThanOrEqual(bytes);
      // Scales, and an alignment that is much of matrices as small as these.
      expect(least).toBeGreaterThan(bytes / 8);
    },
  );

  it('grows with the cache by what the cache takes', () => {
    const { description } = readModel(checkpointFolder('qwen3'));
    const of = (slots: number, slotTokens: number): number =>
      memoryBytesMin(description, { quantization: 'int8', slots, slotTokens });
    const [layers, keyValueHeads, headSize] = [2, 2, 32];
    expect(of(8, 1_001) - of(8, 1)).toBe(2 * layers * keyValueHeads * headSize * 4 * 8 * 1_000);
  });
});
