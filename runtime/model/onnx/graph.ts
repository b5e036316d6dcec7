import { ProtobufWriter } from './protobuf.ts';

/** onnx.proto, TensorProto.DataType. */
export const dataType = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
export type DataType = keyof typeof dataType;

/** A size, or the name of one that is known only at run time. */
export type Dimension = number | string;

export type AttributeValue = number | string | { float: number } | number[];
export type Attributes = Record<string, AttributeValue>;

/** Where an initializer's bytes are in the external data file. */
export type ExternalData = { offset: number; bytes: number };

const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;
const irVersion = 10;
const opset = 21;

/** Collects nodes, and writes an ONNX model (onnx.proto, IR 10, opset 21 and com.microsoft 1). */
export class Graph {
  readonly #name: string;
  readonly #dataFile: string;
  readonly #nodes: ProtobufWriter[] = [];
  readonly #initializers: ProtobufWriter[] = [];
  readonly #inputs: ProtobufWriter[] = [];
  readonly #outputs: ProtobufWriter[] = [];

  /** @param dataFile name of the external data file, beside the model. */
  constructor(name: string, dataFile: string) {
    this.#name = name;
    this.#dataFile = dataFile;
  }

  input(name: string, type: DataType, shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(name: string, type: DataType, shape: readonly Dimension[]): string {
    this.#outputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Adds an operator and returns its first output. An empty name leaves an optional input or output out. */
  node(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
    domain = '',
  ): string {
    const node = new ProtobufWriter();
    for (const input of inputs) node.text(1, input);
    for (const output of outputs) node.text(2, output);
    node.text(3, `${operator}_${this.#nodes.length}`).text(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    if (domain) node.text(7, domain);
    this.#nodes.push(node);
    return outputs[0] ?? '';
  }

  /** An operator of ONNX Runtime's own domain. */
  contrib(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
  ): string {
    return this.node(operator, inputs, outputs, attributes, 'com.microsoft');
  }

  /** A constant inside the model file: for shapes and scalars. */
  constant(name: string, type: DataType, shape: readonly number[], raw: Uint8Array): string {
    this.#initializers.push(tensor(name, type, shape).bytes(9, raw));
    return name;
  }

  int64s(name: string, values: readonly number[]): string {
    return this.constant(name, 'int64', [values.length], new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  /** A constant in the external data file. */
  external(name: string, type: DataType, shape: readonly number[], data: ExternalData): string {
    const initializer = tensor(name, type, shape);
    const entries = { location: this.#dataFile, offset: String(data.offset), length: String(data.bytes) };
    for (const [key, value] of Object.entries(entries))
      initializer.message(13, new ProtobufWriter().text(1, key).text(2, value));
    this.#initializers.push(initializer.integer(14, 1));
    return name;
  }

  serialize(): Buffer {
    const graph = new ProtobufWriter();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, this.#name);
    for (const initializer of this.#initializers) graph.message(5, initializer);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    const domain = (name: string, version: number): ProtobufWriter =>
      new ProtobufWriter().text(1, name).integer(2, version);
    return new ProtobufWriter()
      .integer(1, irVersion)
      .text(2, 'qwenfleet')
      .message(7, graph)
      .message(8, domain('', opset))
      .message(8, domain('com.microsoft', 1))
      .finish();
  }
}

function tensor(name: string, type: DataType, shape: readonly number[]): ProtobufWriter {
  const proto = new ProtobufWriter();
  for (const size of shape) proto.integer(1, size);
  return proto.integer(2, dataType[type]).text(8, name);
}

function valueInfo(name: string, type: DataType, shape: readonly Dimension[]): ProtobufWriter {
  const dimensions = new ProtobufWriter();
  for (const size of shape) {
    const dimension = new ProtobufWriter();
    if (typeof size === 'number') dimension.integer(1, size);
    else dimension.text(2, size);
    dimensions.message(1, dimension);
  }
  const tensorType = new ProtobufWriter().integer(1, dataType[type]).message(2, dimensions);
  return new ProtobufWriter().text(1, name).message(2, new ProtobufWriter().message(1, tensorType));
}

function attribute(name: string, value: AttributeValue): ProtobufWriter {
  const proto = new ProtobufWriter().text(1, name);
  if (typeof value === 'string') return proto.text(4, value).integer(20, attributeType.string);
  if (typeof value === 'number') return proto.integer(3, value).integer(20, attributeType.int);
  if (Array.isArray(value)) {
    for (const each of value) proto.integer(8, each);
    return proto.integer(20, attributeType.ints);
  }
  return proto.float(2, value.float).integer(20, attributeType.float);
}
