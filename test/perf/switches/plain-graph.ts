import { decoderNames } from '@qwenfleet/runtime/model/decoder-graph';
import type { DecoderDescription } from '@qwenfleet/runtime/model/family/family';
import { Graph, type Attributes, type DataType, type ExternalData } from '@qwenfleet/runtime/model/onnx/graph';

type Packed = { rows: number[]; columns: number; data: ExternalData };

const floatBytes = 4;
/** Far below any score, and no infinity, which a row of nothing else would turn into no number. */
const masked = -1e9;

/**
 * A decoder in float32 as a plain exporter writes it: one product for each matrix, norms, activation, rotary embedding and
 * attention out of ONNX's own operators. Ends and weights are those of the fused graph.
 */
export class PlainGraph extends Graph {
  readonly #model: DecoderDescription;
  /** Matrices that the fused graph holds as one, by the name of that one. */
  readonly #packed = new Map<string, Packed>();
  /** What such a product gives, part by part. */
  readonly #parts = new Map<string, string[]>();
  #steps: Steps | undefined;
  #count = 0;

  constructor(model: DecoderDescription, dataFile: string) {
    super('decoder', dataFile);
    this.#model = model;
  }

  override external(name: string, type: DataType, shape: readonly number[], data: ExternalData): string {
    const [, packed] = /_(qkv|gate_up)_weight$/.exec(name) ?? [];
    if (packed === undefined) return super.external(name, type, shape, data);
    const { heads, keyValueHeads, headSize, feedForwardSize } = this.#model;
    const rows =
      packed === 'qkv'
        ? [heads, keyValueHeads, keyValueHeads].map((count) => count * headSize)
        : [feedForwardSize, feedForwardSize];
    this.#packed.set(name, { rows, columns: shape[1] ?? 0, data });
    return name;
  }

  override node(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
    domain = '',
  ): string {
    const [first = '', second = '', third = ''] = inputs;
    const [output = ''] = outputs;
    const parts = this.#parts.get(first);
    if (operator === 'Split' && parts?.length === outputs.length) {
      for (const [at, part] of parts.entries()) super.node('Identity', [part], [outputs[at] ?? '']);
      return output;
    }
    if (operator === 'FusedMatMul' && this.#packed.has(second)) return this.#unpacked(first, second, output);
    if (operator === 'SimplifiedLayerNormalization') return this.#norm(first, second, output);
    if (operator === 'SkipSimplifiedLayerNormalization') {
      const sum = this.#op('Add', [first, second], {}, outputs[3]);
      return this.#norm(sum, third, output);
    }
    if (operator === 'QuickGelu') return this.#op('Mul', [first, this.#op('Sigmoid', [first])], {}, output);
    if (operator === 'GroupQueryAttention') return this.#attention(inputs, outputs);
    for (const input of inputs) this.#whole(input);
    return super.node(operator, inputs, outputs, attributes, domain);
  }

  /** Two or three products instead of one. */
  #unpacked(input: string, weight: string, output: string): string {
    const { rows, columns, data } = this.#packed.get(weight) ?? { rows: [], columns: 0, data: { offset: 0, bytes: 0 } };
    let { offset } = data;
    const parts = rows.map((count, at) => {
      const bytes = count * columns * floatBytes;
      const own = super.external(`${weight}_${at}`, 'float32', [count, columns], { offset, bytes });
      offset += bytes;
      const product = { transA: 0, transB: 1, alpha: { float: 1 } };
      return super.node('FusedMatMul', [input, own], [`${output}_${at}`], product, 'com.microsoft');
    });
    this.#parts.set(output, parts);
    return output;
  }

  /** For whoever reads the parts as one. */
  #whole(name: string): void {
    const parts = this.#parts.get(name);
    if (!parts) return;
    this.#parts.delete(name);
    super.node('Concat', parts, [name], { axis: -1 });
  }

  #norm(input: string, weight: string, output: string): string {
    const squares = this.#op('Pow', [input, this.#float(2)]);
    const mean = this.#op('ReduceMean', [squares, this.#ints(-1)]);
    const root = this.#op('Sqrt', [this.#op('Add', [mean, this.#float(this.#model.rmsNormEpsilon)])]);
    return this.#op('Mul', [this.#op('Div', [input, root]), weight], {}, output);
  }

  /** Over the same cache, into which new keys and values are scattered. */
  #attention(inputs: readonly string[], outputs: readonly string[]): string {
    const [query = '', key = '', value = '', pastKey = '', pastValue = ''] = inputs;
    const [attended = '', presentKey = '', presentValue = ''] = outputs;
    const { heads, keyValueHeads, headSize } = this.#model;
    const [q = '', k = '', v = ''] = key === '' ? this.#three(query) : [query, key, value];
    const steps = (this.#steps ??= this.#positions());
    const keys = this.#cached(pastKey, this.#rotated(this.#byHead(k, keyValueHeads), steps), presentKey, steps);
    const values = this.#cached(pastValue, this.#byHead(v, keyValueHeads), presentValue, steps);
    const turned = this.#op('Transpose', [keys], { perm: [0, 1, 3, 2] });
    const products = this.#op('MatMul', [this.#rotated(this.#byHead(q, heads), steps), turned]);
    const scaled = this.#op('Mul', [products, this.#float(1 / Math.sqrt(headSize))]);
    const weights = this.#op('Softmax', [this.#op('Add', [scaled, steps.mask])], { axis: -1 });
    const mixed = this.#op('Transpose', [this.#op('MatMul', [weights, values])], { perm: [0, 2, 1, 3] });
    return this.#op('Reshape', [mixed, this.#ints(0, 0, heads * headSize)], {}, attended);
  }

  /** Queries, keys and values of a product that holds all three. */
  #three(packed: string): string[] {
    const known = this.#parts.get(packed);
    if (known) return known;
    const { heads, keyValueHeads, headSize } = this.#model;
    const sizes = this.#ints(...[heads, keyValueHeads, keyValueHeads].map((count) => count * headSize));
    const outputs = ['q', 'k', 'v'].map((letter) => `${packed}_plain_${letter}`);
    super.node('Split', [packed, sizes], outputs, { axis: -1 });
    return outputs;
  }

  #byHead(flat: string, count: number): string {
    const split = this.#op('Reshape', [flat, this.#ints(0, 0, count, this.#model.headSize)]);
    return this.#op('Transpose', [split], { perm: [0, 2, 1, 3] });
  }

  #rotated(vectors: string, { cosines, sines }: Steps): string {
    const halves = [`${vectors}_low`, `${vectors}_high`] as const;
    super.node('Split', [vectors], halves, { axis: -1, num_outputs: 2 });
    const swapped = this.#op('Concat', [this.#op('Neg', [halves[1]]), halves[0]], { axis: -1 });
    return this.#op('Add', [this.#op('Mul', [vectors, cosines]), this.#op('Mul', [swapped, sines])]);
  }

  /** What the cache holds once the new rows are in it, as far as the longest sequence reaches, for every head of queries. */
  #cached(past: string, rows: string, present: string, { places, longest }: Steps): string {
    const { heads, keyValueHeads, headSize } = this.#model;
    super.node('ScatterND', [past, places, rows], [present]);
    const reached = this.#op('Slice', [present, this.#ints(0), longest, this.#ints(2)]);
    if (heads === keyValueHeads) return reached;
    const group = heads / keyValueHeads;
    const single = this.#op('Unsqueeze', [reached, this.#ints(2)]);
    const repeated = this.#op('Expand', [single, this.#ints(1, 1, group, 1, 1)]);
    const shape = this.#op('Concat', [this.#ints(0, heads), longest, this.#ints(headSize)], { axis: 0 });
    return this.#op('Reshape', [repeated, shape]);
  }

  /** What all layers share of a step. */
  #positions(): Steps {
    const { tokens, lengths, longest: longestName } = decoderNames;
    const asInt64 = (name: string): string => this.#op('Cast', [name], { to: 7 });
    const width = this.#op('Shape', [tokens], { start: 1, end: 2 });
    const after = this.#op('Unsqueeze', [this.#op('Add', [asInt64(lengths), this.#int(1)]), this.#ints(1)]);
    const before = this.#op('Sub', [after, width]);
    const positions = this.#op('Add', [before, this.#upTo(this.#op('Squeeze', [width]))]);
    const longest = this.#op('Unsqueeze', [asInt64(longestName), this.#ints(0)]);
    const reached = this.#upTo(this.#op('Squeeze', [longest]));
    const seen = this.#op('LessOrEqual', [reached, this.#op('Unsqueeze', [positions, this.#ints(2)])]);
    const mask = this.#op('Where', [seen, this.#float(0), this.#float(masked)]);
    const table = (name: string): string => {
      const half = this.#op('Gather', [name, positions], { axis: 0 });
      return this.#op('Unsqueeze', [this.#op('Concat', [half, half], { axis: -1 }), this.#ints(1)]);
    };
    return {
      cosines: table('rotary_cos'),
      sines: table('rotary_sin'),
      mask: this.#op('Unsqueeze', [mask, this.#ints(1)]),
      places: this.#places(positions, width),
      longest,
    };
  }

  /** Where in the cache each new row goes: int64 [B, keyValueHeads, S, 3]. */
  #places(positions: string, width: string): string {
    const { keyValueHeads } = this.#model;
    const batch = this.#op('Shape', [decoderNames.tokens], { start: 0, end: 1 });
    const shape = this.#op('Concat', [batch, this.#ints(keyValueHeads), width], { axis: 0 });
    const sequence = this.#op('Unsqueeze', [this.#upTo(this.#op('Squeeze', [batch])), this.#ints(1, 2)]);
    const head = this.#op('Unsqueeze', [this.#upTo(this.#int(keyValueHeads)), this.#ints(0, 2)]);
    const axes = [sequence, head, this.#op('Unsqueeze', [positions, this.#ints(1)])];
    const spread = axes.map((axis) => this.#op('Unsqueeze', [this.#op('Expand', [axis, shape]), this.#ints(3)]));
    return this.#op('Concat', spread, { axis: -1 });
  }

  /** 0, 1, … below an int64 scalar. */
  #upTo(end: string): string {
    return this.#op('Range', [this.#int(0), end, this.#int(1)]);
  }

  #op(operator: string, inputs: readonly string[], attributes: Attributes = {}, output = ''): string {
    for (const input of inputs) this.#whole(input);
    return super.node(operator, inputs, [output === '' ? `plain_${(this.#count += 1)}` : output], attributes);
  }

  readonly #constants = new Map<string, string>();

  #constant(name: string, make: () => string): string {
    const known = this.#constants.get(name) ?? make();
    this.#constants.set(name, known);
    return known;
  }

  #ints(...values: number[]): string {
    const name = `plain_ints_${values.join('_')}`;
    return this.#constant(name, () => this.int64s(name, values));
  }

  #int(value: number): string {
    const name = `plain_int_${value}`;
    const raw = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
    return this.#constant(name, () => this.constant(name, 'int64', [], raw));
  }

  #float(value: number): string {
    const name = `plain_float_${value}`;
    return this.#constant(name, () =>
      this.constant(name, 'float32', [], new Uint8Array(Float32Array.of(value).buffer)),
    );
  }
}

type Steps = { cosines: string; sines: string; mask: string; places: string; longest: string };
