import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterFolder, removeAdapters, type AdapterTensor } from '../../fixtures/adapter.ts';
import { checkpointFolder } from '../../fixtures/checkpoint.ts';
import { packedCheckpoint } from '../../fixtures/packed-checkpoint.ts';
import { refusal } from '../../fixtures/refusal.ts';
import { weightsDigest } from '../graph-cache.ts';
import { float32Chunks } from '../matrix.ts';
import { readModel, type OpenModel } from '../read.ts';
import { withMerged } from './merge.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-merge-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));
afterAll(removeAdapters);

const checkpoint = checkpointFolder('qwen3');
const name = 'model.layers.1.self_attn.q_proj';
const read = (folders: readonly string[], tensor: string): Float32Array => {
  const weights = withMerged(readModel(checkpoint), folders).openWeights();
  try {
    return weights.values(tensor);
  } finally {
    weights.close();
  }
};

describe('weights with an adapter merged in', () => {
  it('are the base plus the product of its matrices, by the schoolbook', () => {
    const found = new Map<string, AdapterTensor>();
    const folder = adapterFolder(checkpoint, {
      rank: 3,
      alpha: 6,
      of: ['q'],
      change: (tensors) => tensors.forEach((tensor, key) => found.set(key, tensor)),
    });
    const [down, up] = ['A', 'B'].map(
      (side) => found.get(`base_model.model.${name}.lora_${side}.weight`)?.values ?? [],
    );
    const base = read([], `${name}.weight`);
    const merged = read([folder], `${name}.weight`);
    let worst = 0;
    for (let row = 0; row < 128; row += 1)
      for (let column = 0; column < 64; column += 1) {
        let wanted = base[row * 64 + column] ?? 0;
        for (let at = 0; at < 3; at += 1) wanted += 2 * (up?.[row * 3 + at] ?? 0) * (down?.[at * 64 + column] ?? 0);
        worst = Math.max(worst, Math.abs(wanted - (merged[row * 64 + column] ?? Number.NaN)));
      }
    expect(worst).toBeLessThan(1e-6);
    expect(merged).not.toEqual(base);
  });

  it('are floats where it changes packed ones, and packed where it does not', () => {
    const { folder: packed, exact } = packedCheckpoint({ method: 'awq', family: 'qwen3' });
    const adapter = adapterFolder(checkpoint, { of: ['q'], layers: [1] });
    const weights = withMerged(readModel(packed), [adapter]).openWeights();
    const hasBlocks = (layer: number): boolean =>
      weights.blocks(weights.entry(`model.layers.${layer}.self_attn.q_proj.weight`)) !== undefined;
    const [changed, kept] = [weights.values(`${name}.weight`), weights.values('model.layers.0.mlp.up_proj.weight')];
    expect([hasBlocks(0), hasBlocks(1)]).toEqual([true, false]);
    weights.close();
    rmSync(path.dirname(packed), { recursive: true });
    expect(kept).toEqual(exact.get('model.layers.0.mlp.up_proj.weight'));
    const base = read([], `${name}.weight`);
    const added = read([adapter], `${name}.weight`).map((value, at) => value - (base[at] ?? 0));
    const off = changed.map((value, at) => value - (exact.get(`${name}.weight`)?.[at] ?? 0) - (added[at] ?? 0));
    expect(Math.max(...off.map(Math.abs))).toBeLessThan(1e-6);
  });

  it('are as they were where it changes nothing', () => {
    const folder = adapterFolder(checkpoint, { of: ['q'], layers: [1] });
    for (const tensor of [
      'model.layers.0.self_attn.q_proj.weight',
      'model.layers.1.self_attn.k_proj.weight',
      'model.norm.weight',
    ])
      expect(read([folder], tensor)).toEqual(read([], tensor));
  });

  it('take rows that a GGUF of Llama has interleaved in the order of the file', () => {
    const folder = adapterFolder(checkpoint, { of: ['q'], layers: [1] });
    const part = { tensor: `${name}.weight`, rows: 128, interleavedHeadSize: 32 };
    /** In the order in which the builder leaves them, less the base. */
    const addedTo = (model: OpenModel, interleaved: boolean): number[] => {
      const of = (folders: readonly string[]): Float32Array => {
        const weights = withMerged(model, folders).openWeights();
        const parts = [interleaved ? part : { tensor: part.tensor, rows: part.rows }];
        const [values = new Float32Array()] = float32Chunks(weights, { parts, columns: 64 });
        weights.close();
        return values;
      };
      const base = of([]);
      return [...of([folder])].map((value, at) => value - (base[at] ?? Number.NaN));
    };
    const model = readModel(checkpoint);
    if (model.description.kind !== 'decoder') throw new Error('no decoder');
    const description = { ...model.description, interleavedRotaryRows: true };
    const wanted = addedTo(model, false);
    expect(Math.max(...wanted)).toBeGreaterThan(0.1);
    addedTo({ ...model, description }, true).forEach((value, at) => expect(value).toBeCloseTo(wanted[at] ?? NaN, 5));
  });

  it('have another digest for another adapter, and for the same one with another scale', async () => {
    const digestOf = (folders: readonly string[]): Promise<string> =>
      weightsDigest(withMerged(readModel(checkpoint), folders), cacheDir);
    const folders = [
      [],
      [adapterFolder(checkpoint)],
      [adapterFolder(checkpoint, { seed: 2 })],
      [adapterFolder(checkpoint, { alpha: 9 })],
    ];
    expect(new Set(await Promise.all(folders.map(digestOf))).size).toBe(4);
  });

  it('are of decoders only', () => {
    const error = refusal(() => withMerged(readModel(checkpointFolder('bert')), [adapterFolder(checkpoint)]));
    expect(error).toMatchObject({ code: 'invalid_config', param: 'model.merge' });
  });
});
