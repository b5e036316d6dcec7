import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { quantizations, type Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointFolder, type Family } from '../fixtures/checkpoint.ts';
import { readOnnx, type OnnxGraph, type OnnxTensor } from '../fixtures/onnx-reader.ts';
import { buildGraph, dataFileName, graphFileName } from './build-graph.ts';
import { decoderNames } from './decoder-graph.ts';
import { embedderNames } from './embedder-graph.ts';
import { encoderNames } from './encoder-graph.ts';
import { readModel } from './read.ts';

const root = mkdtempSync(path.join(tmpdir(), 'graphs-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Built = { graph: OnnxGraph; dataBytes: number };
function build(family: Family, quantization: Quantization, contextLength = 64): Built {
  const folder = mkdtempSync(path.join(root, `${family}-`));
  buildGraph(readModel(checkpointFolder(family)), folder, { quantization, contextLength });
  return {
    graph: readOnnx(path.join(folder, graphFileName)),
    dataBytes: statSync(path.join(folder, dataFileName)).size,
  };
}
const countOf = ({ nodes }: OnnxGraph, operator: string): number =>
  nodes.filter((node) => node.operator === operator).length;

const elementBytes: Record<number, number> = { 1: 4, 2: 1, 7: 8 };
const bytesOf = ({ type, shape }: OnnxTensor): number =>
  shape.reduce((product, size) => product * size, 1) * (elementBytes[type] ?? Number.NaN);

/** Everything that ONNX asks of any graph, and we of its data. */
function expectSound({ graph, dataBytes }: Built): void {
  const known = new Set([...graph.inputs, ...graph.tensors.map(({ name }) => name)]);
  expect(known.size).toBe(graph.inputs.length + graph.tensors.length);
  for (const { operator, inputs, outputs } of graph.nodes) {
    for (const input of inputs) expect(input === '' || known.has(input), `${operator} reads ${input}`).toBe(true);
    for (const output of outputs.filter((name) => name !== '')) {
      expect(known.has(output), `${output} is made twice`).toBe(false);
      known.add(output);
    }
  }
  for (const output of graph.outputs) expect(known.has(output), output).toBe(true);
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  for (const { name } of graph.tensors) expect(read.has(name), `nobody reads ${name}`).toBe(true);
  for (const tensor of graph.tensors) {
    const { external, name } = tensor;
    if (!external) continue;
    expect(external.length, name).toBe(bytesOf(tensor));
    expect(external.location, name).toBe(dataFileName);
    expect(external.offset % 4_096, name).toBe(0);
    expect(external.offset + external.length, name).toBeLessThanOrEqual(dataBytes);
  }
  const places = graph.tensors.flatMap(({ external }) => external ?? []);
  const apart = [...new Map(places.map((place) => [place.offset, place])).values()].toSorted(
    (a, b) => a.offset - b.offset,
  );
  apart.forEach(({ offset }, index) => {
    const before = apart[index - 1];
    expect((before?.offset ?? 0) + (before?.length ?? 0)).toBeLessThanOrEqual(offset);
  });
}

describe.each(['llama', 'qwen2', 'qwen3'] as const)('the graph of %s', (family) => {
  let built: Record<Quantization, Built>;
  beforeAll(() => {
    built = Object.fromEntries(quantizations.map((each) => [each, build(family, each)])) as Record<Quantization, Built>;
  });

  it.each(quantizations)(
    'in %s is sound: every name made once and before it is read, every byte its own',
    (quantization) => {
      expectSound(built[quantization]);
    },
  );

  it.each(quantizations)('in %s has the ends that the backend binds', (quantization) => {
    const { inputs, outputs } = built[quantization].graph;
    const caches = [0, 1].flatMap((layer) => [decoderNames.pastKey(layer), decoderNames.pastValue(layer)]);
    const presents = [0, 1].flatMap((layer) => [decoderNames.presentKey(layer), decoderNames.presentValue(layer)]);
    const { tokens, lengths, longest, wanted, logits } = decoderNames;
    expect(inputs.toSorted()).toEqual([tokens, lengths, longest, wanted, ...caches].toSorted());
    expect(outputs.toSorted()).toEqual([logits, ...presents].toSorted());
  });

  it('has an attention and two norms a layer, and the operators of its quantisation', () => {
    for (const quantization of quantizations) {
      const { graph } = built[quantization];
      expect(countOf(graph, 'GroupQueryAttention')).toBe(2);
      expect(countOf(graph, 'SkipSimplifiedLayerNormalization')).toBe(4);
      // Four products a layer: the three projections of attention are one, gate and up are one.
      const products = countOf(graph, quantization === 'float32' ? 'FusedMatMul' : 'MatMulNBits');
      expect(products).toBe(2 * 4 + 1);
      expect(countOf(graph, 'MatMulNBits') > 0).toBe(quantization !== 'float32');
    }
  });

  it('norms each head of query and key where the family does, and adds biases where it has them', () => {
    const { graph } = built.float32;
    expect(countOf(graph, 'SimplifiedLayerNormalization')).toBe(family === 'qwen3' ? 1 + 2 * 2 : 1);
    expect(graph.tensors.filter(({ name }) => name.endsWith('_qkv_bias'))).toHaveLength(family === 'qwen2' ? 2 : 0);
  });

  it('holds a tied head’s bytes once', () => {
    const { graph } = built.int8;
    const embedding = graph.tensors.find(({ name }) => name === 'embedding_values');
    const head = graph.tensors.find(({ name }) => name === 'head_values');
    if (family === 'qwen2') expect(head).toBeUndefined();
    else expect(head?.external).toEqual(embedding?.external);
  });

  it('takes less room the fewer bits it has', () => {
    // Without the padding between tensors, which is most of a tiny model.
    const weighed = ({ graph }: Built): number =>
      new Map(graph.tensors.flatMap(({ external }) => (external ? [[external.offset, external.length]] : [])))
        .values()
        .reduce((sum, length) => sum + length, 0);
    const [float32, int8, int4] = quantizations.map((quantization) => weighed(built[quantization]));
    expect(int8).toBeLessThan((float32 ?? 0) * 0.6);
    expect(int4).toBeLessThan(int8 ?? 0);
  });

  it('has positions as far as the pool wants', () => {
    const cosines = (at: Built): number[] | undefined =>
      at.graph.tensors.find(({ name }) => name === 'rotary_cos')?.shape;
    expect(cosines(built.float32)?.[0]).toBe(64);
    expect(cosines(build(family, 'float32', 200))?.[0]).toBe(200);
  });
});

describe('the graph of experts', () => {
  it.each(quantizations)('in %s is sound, and has two products an expert and a router in float32', (quantization) => {
    const built = build('qwen3-moe', quantization);
    expectSound(built);
    const products = countOf(built.graph, 'FusedMatMul') + countOf(built.graph, 'MatMulNBits');
    expect(products).toBe(2 * (2 + 1 + 8 * 2) + 1);
    expect(countOf(built.graph, 'FusedMatMul')).toBe(quantization === 'float32' ? products : 2);
  });
});

describe('the graph of an embedder', () => {
  it.each(quantizations)('in %s is sound: a decoder without a cache and a head', (quantization) => {
    const built = build('qwen3-embedding', quantization);
    expectSound(built);
    expect(built.graph.inputs).toEqual([embedderNames.tokens]);
    expect(built.graph.outputs).toEqual([embedderNames.embedding]);
    expect(countOf(built.graph, 'GroupQueryAttention')).toBe(2);
    expect(countOf(built.graph, 'LpNormalization')).toBe(1);
  });
});

describe('the graph of an encoder', () => {
  it('is sound, and the same in every quantisation: it runs in float32', () => {
    const [first, ...others] = quantizations.map((quantization) => build('bert', quantization));
    if (!first) throw new Error('there are quantisations');
    expectSound(first);
    for (const { graph } of others) expect(graph).toEqual(first.graph);
    expect(first.graph.inputs).toEqual([encoderNames.tokens, encoderNames.positions]);
    expect(first.graph.outputs).toEqual([encoderNames.embedding]);
    expect(countOf(first.graph, 'Softmax')).toBe(2);
    expect(countOf(first.graph, 'LayerNormalization')).toBe(1 + 2 * 2);
    expect(countOf(first.graph, 'LpNormalization')).toBe(0);
  });

  it('scales vectors to length one when the model says so', () => {
    const model = readModel(checkpointFolder('bert'));
    if (model.description.kind !== 'encoder') throw new Error('it is an encoder');
    const folder = mkdtempSync(path.join(root, 'normalized-'));
    buildGraph({ ...model, description: { ...model.description, normalize: true } }, folder, {
      quantization: 'float32',
      contextLength: 64,
    });
    expect(countOf(readOnnx(path.join(folder, graphFileName)), 'LpNormalization')).toBe(1);
  });
});
