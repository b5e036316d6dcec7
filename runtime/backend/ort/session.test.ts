import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { FleetError } from '@qwenfleet/core/errors';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { rejection } from '../../fixtures/generation.ts';
import { graphFolder } from '../../fixtures/graph.ts';
import { Graph } from '../../model/onnx/graph.ts';
import { ortLibrary } from './library.ts';
import { MemoryBlock } from './memory.ts';
import { openedSession } from './opened.ts';
import { NameArray, nativeObjects, Tensor, type PrepackedWeights, type Session } from './session.ts';

const { cacheDir, dispose } = graphFolder();
afterAll(dispose);
const none = { sessions: 0, weights: 0, tensors: 0 };
afterEach(() => expect(nativeObjects()).toEqual(none));

let count = 0;
/** A graph of one operator: `c = a op b`, floats of any length. */
function graphOf(operator: string, attributes: Record<string, number> = {}): string {
  const graph = new Graph('test', 'unused');
  for (const name of ['a', 'b']) graph.input(name, 'float32', ['N']);
  graph.node(operator, ['a', 'b'], ['c'], attributes);
  graph.output('c', 'float32', ['N']);
  const file = path.join(cacheDir, `${(count += 1)}.onnx`);
  writeFileSync(file, graph.serialize());
  return file;
}

/** Runs a session over two inputs, in memory of our own. */
async function run(session: Session, a: readonly number[], b: readonly number[], outNames = ['c']): Promise<number[]> {
  const block = new MemoryBlock(3 * 4 * a.length);
  const floats = new Float32Array(block.buffer);
  floats.set(a);
  floats.set(b, a.length);
  const bytes = BigInt(a.length * 4);
  const tensors = [0n, 1n, 2n].map(
    (at) => new Tensor(block.address + at * bytes, [at === 1n ? b.length : a.length], 'float32'),
  );
  const [first, second, third] = tensors.map(({ address }) => address);
  const [inputs, outputs] = [new NameArray(['a', 'b']), new NameArray(outNames)];
  try {
    const feeds = { inputs: BigUint64Array.of(first ?? 0n, second ?? 0n), outputs: BigUint64Array.of(third ?? 0n) };
    await session.run(inputs, outputs, feeds);
    return Array.from(floats.subarray(2 * a.length, 3 * a.length));
  } finally {
    for (const held of [inputs, outputs]) held.free();
    for (const tensor of tensors) tensor.release();
    block.free();
  }
}

const open = (file: string): Promise<{ session: Session; weights: PrepackedWeights }> =>
  openedSession(file, 1, (session, weights) => ({ session, weights }));

describe('the library', () => {
  it('is one that was tried, loaded once', () => {
    expect(ortLibrary().version).toMatch(/^1\.\d+\.\d+$/);
    expect(ortLibrary()).toBe(ortLibrary());
  });
});

describe('a session', () => {
  it('computes in memory of our own, without a copy', async () => {
    const { session, weights } = await open(graphOf('Add'));
    expect(await run(session, [1, 2, 3], [10, 20, 30])).toEqual([11, 22, 33]);
    expect(await run(session, [0.5], [0.25])).toEqual([0.75]);
    await session.release();
    weights.release();
  });

  it('says in words of its own what a run failed with, and can be used again', async () => {
    const { session, weights } = await open(graphOf('Add'));
    const outcome = await rejection(run(session, [1, 2], [1, 2, 3]));
    expect(outcome).toMatchObject({ code: 'engine_failed' });
    expect((outcome as FleetError).message).not.toContain('Add');
    expect(String((outcome as FleetError).cause)).toMatch(/Add|dimension|shape/i);
    expect(await rejection(run(session, [1], [1], ['nothing']))).toMatchObject({ code: 'engine_failed' });
    expect(await run(session, [1], [1])).toEqual([2]);
    await session.release();
    weights.release();
  });

  it('survives hundreds of runs, half of which fail', async () => {
    const { session, weights } = await open(graphOf('Mul'));
    for (let index = 0; index < 200; index += 1) {
      if (index % 2 === 0) expect(await run(session, [index], [2])).toEqual([2 * index]);
      else await rejection(run(session, [1, 2], [1, 2, 3]));
    }
    await session.release();
    weights.release();
  });

  it('is released once, after the run that is under way, and refuses later ones', async () => {
    const { session, weights } = await open(graphOf('Add'));
    const many = Array.from({ length: 100_000 }, (_, index) => index);
    const running = run(session, many, many);
    await Promise.all([session.release(), session.release()]);
    expect((await running)[99_999]).toBe(199_998);
    expect(await rejection(run(session, [1], [1]))).toMatchObject({ code: 'engine_failed' });
    weights.release();
    weights.release();
  });

  it.each<[string, (file: string) => void]>([
    ['is not there', () => undefined],
    ['is empty', (file) => writeFileSync(file, '')],
    ['is no graph', (file) => writeFileSync(file, 'not a graph at all, but words')],
    [
      'is cut',
      (file) => {
        writeFileSync(file, readFileSync(graphOf('Add')));
        truncateSync(file, 60);
      },
    ],
    ['has an operator that there is not', (file) => writeFileSync(file, readFileSync(graphOf('Divine')))],
  ])('of a file that %s is refused with a code, and leaves nothing', async (_name, make) => {
    const file = path.join(cacheDir, `broken-${(count += 1)}.onnx`);
    make(file);
    expect(await rejection(open(file))).toMatchObject({ code: 'invalid_model' });
    expect(nativeObjects()).toEqual(none);
  });

  it('that nothing can be made of is released', async () => {
    const outcome = await rejection(
      openedSession(graphOf('Add'), 1, () => {
        throw new Error('no memory for the rest');
      }),
    );
    expect(outcome).toMatchObject({ message: 'no memory for the rest' });
    expect(nativeObjects()).toEqual(none);
  });
});

describe('names for the library', () => {
  it('may be of any language and length, and are freed once', async () => {
    const names = ['a', '名前', 'x'.repeat(5_000)];
    const held = new NameArray(names);
    expect(held.array).toHaveLength(3);
    expect(new Set(held.array).size).toBe(3);
    held.free();
    held.free();
  });
});

describe('a tensor', () => {
  it('is released once, however often that is asked', () => {
    const block = new MemoryBlock(64);
    const tensor = new Tensor(block.address, [4, 4], 'float32');
    expect(nativeObjects().tensors).toBe(1);
    tensor.release();
    tensor.release();
    expect(nativeObjects().tensors).toBe(0);
    block.free();
  });

  it('of a shape that cannot be is refused', () => {
    const block = new MemoryBlock(64);
    expect(() => new Tensor(block.address, [-2, 4], 'float32')).toThrow(/./);
    block.free();
  });
});
