import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readMessage, readOnnx } from '../../fixtures/onnx-reader.ts';
import { openFilesIn } from '../../fixtures/weights-files.ts';
import { DataFile } from './data-file.ts';
import { Graph } from './graph.ts';
import { ProtobufWriter } from './protobuf.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const file = (): string => path.join(folder, String((count += 1)));

describe('the protobuf wire format', () => {
  // Examples of protobuf.dev, "Encoding".
  it.each<[string, ProtobufWriter, number[]]>([
    ['150 in field 1', new ProtobufWriter().integer(1, 150), [0x08, 0x96, 0x01]],
    ['"testing" in field 2', new ProtobufWriter().text(2, 'testing'), [0x12, 0x07, ...Buffer.from('testing')]],
    [
      'a message in field 3',
      new ProtobufWriter().message(3, new ProtobufWriter().integer(1, 150)),
      [0x1a, 0x03, 0x08, 0x96, 0x01],
    ],
    [
      '-2, in ten bytes',
      new ProtobufWriter().integer(1, -2),
      [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ],
    ['1.5 in field 2', new ProtobufWriter().float(2, 1.5), [0x15, 0x00, 0x00, 0xc0, 0x3f]],
    ['field 20, whose key takes two bytes', new ProtobufWriter().integer(20, 1), [0xa0, 0x01, 0x01]],
  ])('has %s as the specification has it', (_name, writer, bytes) => {
    expect([...writer.finish()]).toEqual(bytes);
  });

  it('gives back every number and text that was written', () => {
    const value = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 5_000 }), value), { maxLength: 20 }), (fields) => {
        const writer = new ProtobufWriter();
        const wanted = new Map<number, (bigint | string)[]>();
        for (const [field, each] of fields) {
          if (typeof each === 'bigint') writer.integer(field, each);
          else writer.text(field, each.toWellFormed());
          const plain = typeof each === 'bigint' ? BigInt.asUintN(64, each) : each.toWellFormed();
          wanted.set(field, [...(wanted.get(field) ?? []), plain]);
        }
        const read = readMessage(writer.finish());
        const back = [...read].map(
          ([field, values]) =>
            [field, values.map((each) => (typeof each === 'bigint' ? each : Buffer.from(each).toString()))] as const,
        );
        expect(new Map(back)).toEqual(wanted);
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

describe('the data of a graph', () => {
  it('has each tensor at a page of its own, and whole', () => {
    const at = file();
    const data = new DataFile(at);
    const first = data.write([Float32Array.of(1, 2), Float32Array.of(3)]);
    const second = data.write([Uint8Array.of(9, 8, 7)]);
    const empty = data.write([]);
    data.close();
    expect([first, second, empty]).toEqual([
      { offset: 0, bytes: 12 },
      { offset: 4_096, bytes: 3 },
      { offset: 8_192, bytes: 0 },
    ]);
    const bytes = readFileSync(at);
    expect([...new Float32Array(bytes.buffer, bytes.byteOffset, 3)]).toEqual([1, 2, 3]);
    expect([...bytes.subarray(4_096, 4_099)]).toEqual([9, 8, 7]);
    expect(data.bytes).toBe(bytes.length);
  });

  it('takes what is a part of something larger as that part', () => {
    const at = file();
    const data = new DataFile(at);
    data.write([Float32Array.of(1, 2, 3, 4).subarray(1, 3)]);
    data.close();
    expect(readFileSync(at).length).toBe(8);
  });

  it('is made as it is written, piece by piece', () => {
    const order: string[] = [];
    function* pieces(): Generator<Uint8Array> {
      for (const name of ['a', 'b']) {
        order.push(name);
        yield Buffer.from(name);
      }
    }
    const at = file();
    const data = new DataFile(at);
    data.write(pieces());
    data.close();
    expect(order).toEqual(['a', 'b']);
    expect(readFileSync(at, 'utf8')).toBe('ab');
  });

  it('never writes over a file that is there', () => {
    const at = file();
    writeFileSync(at, 'somebody else’s');
    expect(() => new DataFile(at)).toThrow(/EEXIST/);
  });

  it('is closed when it is said, and no more written to', () => {
    const data = new DataFile(file());
    data.close();
    expect(openFilesIn(folder)).toEqual([]);
    expect(() => data.write([Uint8Array.of(1)])).toThrow(/EBADF/);
  });
});

describe('a graph', () => {
  it('is written as ONNX: nodes in their order, constants inside, weights beside', () => {
    const graph = new Graph('test', 'weights.data');
    graph.input('x', 'float32', ['B', 4]);
    const shape = graph.int64s('shape', [-1, 2]);
    const weight = graph.external('w', 'uint8', [2, 3], { offset: 4_096, bytes: 6 });
    const reshaped = graph.node('Reshape', ['x', shape], ['reshaped']);
    graph.contrib('MatMulNBits', [reshaped, weight, ''], ['y'], {
      K: 4,
      alpha: { float: 0.5 },
      mode: 'fast',
      axes: [0, -1],
    });
    graph.output('y', 'float32', ['B', 2]);
    const at = file();
    writeFileSync(at, graph.serialize());
    expect(readOnnx(at)).toEqual({
      irVersion: 10,
      opsets: { '': 21, 'com.microsoft': 1 },
      inputs: ['x'],
      outputs: ['y'],
      nodes: [
        { operator: 'Reshape', domain: '', inputs: ['x', 'shape'], outputs: ['reshaped'] },
        { operator: 'MatMulNBits', domain: 'com.microsoft', inputs: ['reshaped', 'w', ''], outputs: ['y'] },
      ],
      tensors: [
        { name: 'shape', type: 7, shape: [2], raw: new Uint8Array(BigInt64Array.of(-1n, 2n).buffer) },
        { name: 'w', type: 2, shape: [2, 3], external: { location: 'weights.data', offset: 4_096, length: 6 } },
      ],
    });
  });

  it('gives an operator without outputs no name to go on with', () => {
    expect(new Graph('g', 'd').node('Nothing', [], [])).toBe('');
  });

  it('is the same, byte for byte, when it is built again', () => {
    const build = (): Buffer => {
      const graph = new Graph('g', 'd');
      graph.input('x', 'int64', []);
      graph.node('Identity', ['x'], ['y'], { axis: 1 });
      graph.output('y', 'int64', []);
      return graph.serialize();
    };
    expect(build()).toEqual(build());
  });
});
