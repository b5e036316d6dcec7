import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { AdapterLayers } from './adapter/adapter-layers.ts';
import type { SiteName } from './adapter/projection.ts';
import { expertsLayer } from './experts.ts';
import type { DecoderDescription } from './family/family.ts';
import { LinearBuilder } from './linear.ts';
import type { MatrixPart } from './matrix.ts';
import type { DataFile } from './onnx/data-file.ts';
import type { Graph } from './onnx/graph.ts';
import { rotaryTables } from './rotary.ts';
import type { Weights } from './weights/weights.ts';

/** What all decoders have, whatever comes after the last layer. */
export type LayersDescription = Omit<DecoderDescription, 'kind' | 'tiedHead'>;

/** Names of a layer's keys and values before and after a step, and of the scales of a cache in int8. */
export type LayerCache = { past: [string, string]; present: [string, string]; scales?: [string, string] };

export type LayersOptions = {
  quantization: Quantization;
  /** Positions that the rotary tables cover. */
  contextLength: number;
  onLayer?: ((done: number, total: number) => void) | undefined;
  /** Name of int64 [B, S]. */
  tokens: string;
  attention: {
    /** Names of int32 [B], tokens of each sequence after this run less one, and of an int32 scalar, the longest of them. */
    lengths: string;
    longest: string;
    /** Names of a layer's keys and values before and after; without, sequences begin at nothing and leave nothing. */
    cache?: (layer: number) => LayerCache;
  };
  /** Adds what adapters add; without, there are none. */
  adapterLayers?: AdapterLayers | undefined;
};

/** Everything of a decoder but its ends: the embedding, the layers, the last norm. */
export class DecoderLayers {
  readonly #model: LayersDescription;
  readonly #weights: Weights;
  readonly #data: DataFile;
  readonly #options: LayersOptions;
  readonly #graph: Graph;
  readonly #linear: LinearBuilder;

  /** @param options.tokens int64 [B, S] */
  constructor(graph: Graph, model: LayersDescription, weights: Weights, data: DataFile, options: LayersOptions) {
    this.#model = model;
    this.#weights = weights;
    this.#data = data;
    this.#options = options;
    this.#graph = graph;
    this.#linear = new LinearBuilder(graph, data, weights);
  }

  /** Adds all of it; `hidden` is [B, S, hidden], and `tiedHead` a product with the embedding matrix. */
  build(): { hidden: string; tiedHead: (input: string, name: string) => string; linear: LinearBuilder } {
    const { hiddenSize, layers, vocabularySize } = this.#model;
    this.#rotaryTables();
    const table = { parts: [{ tensor: 'model.embed_tokens.weight', rows: vocabularySize }], columns: hiddenSize };
    const { embedded, head } = this.#linear.embedding(this.#options.tokens, table, this.#options.quantization);
    let residual = embedded;
    let hidden = this.#norm(embedded, 'model.layers.0.input_layernorm.weight', 'layer0_input', hiddenSize);
    for (let layer = 0; layer < layers; layer += 1) {
      ({ hidden, residual } = this.#layer(layer, hidden, residual));
      this.#options.onLayer?.(layer + 1, layers);
    }
    return { hidden, tiedHead: head, linear: this.#linear };
  }

  #layer(layer: number, hidden: string, residual: string): { hidden: string; residual: string } {
    const { hiddenSize, layers, heads, headSize } = this.#model;
    const name = `model.layers.${layer}`;
    const own = `layer${layer}`;
    const attended = this.#attention(layer, hidden);
    const columns = heads * headSize;
    const o = { tensor: `${name}.self_attn.o_proj.weight`, rows: hiddenSize };
    const projected = this.#adapted(layer, this.#apply(`${own}_o`, attended, [o], columns), attended, 'o');
    const middle = this.#skipNorm(
      projected,
      residual,
      `${name}.post_attention_layernorm.weight`,
      `${own}_middle`,
      true,
    );
    const down = this.#feedForward(layer, middle.hidden);
    const last = layer === layers - 1;
    const nextNorm = last ? 'model.norm.weight' : `model.layers.${layer + 1}.input_layernorm.weight`;
    return this.#skipNorm(down, middle.residual, nextNorm, `${own}_end`, !last);
  }

  #feedForward(layer: number, hidden: string): string {
    const { hiddenSize, feedForwardSize, experts } = this.#model;
    const tensors = `model.layers.${layer}.mlp`;
    const own = `layer${layer}`;
    const { quantization } = this.#options;
    if (experts)
      return expertsLayer(this.#graph, this.#linear, experts, hidden, { tensors, name: own, hiddenSize, quantization });
    const parts = ['gate', 'up'].map((which) => ({ tensor: `${tensors}.${which}_proj.weight`, rows: feedForwardSize }));
    const product = this.#apply(`${own}_gate_up`, hidden, parts, hiddenSize);
    const gateUp = this.#adapted(layer, product, hidden, 'gate_up');
    this.#graph.node('Split', [gateUp], [`${own}_gate`, `${own}_up`], { axis: -1, num_outputs: 2 });
    // SiLU is QuickGelu with alpha 1: x * sigmoid(x).
    const activated = this.#graph.contrib('QuickGelu', [`${own}_gate`], [`${own}_activated`], { alpha: { float: 1 } });
    const gated = this.#graph.node('Mul', [activated, `${own}_up`], [`${own}_gated`]);
    const down = { tensor: `${tensors}.down_proj.weight`, rows: hiddenSize };
    return this.#adapted(layer, this.#apply(`${own}_down`, gated, [down], feedForwardSize), gated, 'down');
  }

  #adapted(layer: number, product: string, input: string, site: SiteName): string {
    return this.#options.adapterLayers?.add(layer, product, input, site) ?? product;
  }

  /** GroupQueryAttention with the rotary embedding inside; a cache is read and written in place. */
  #attention(layer: number, hidden: string): string {
    const { heads, keyValueHeads, headSize } = this.#model;
    const { lengths, longest, cache } = this.#options.attention;
    const { past, present, scales }: LayerCache = cache?.(layer) ?? {
      past: ['', ''],
      present: [`layer${layer}_k_own`, `layer${layer}_v_own`],
    };
    const queryKeyValue = this.#queryKeyValue(layer, hidden);
    return this.#graph.contrib(
      'GroupQueryAttention',
      [
        ...queryKeyValue,
        ...past,
        lengths,
        longest,
        'rotary_cos',
        'rotary_sin',
        // Position ids, a bias and sinks are left out.
        ...(scales ? ['', '', '', ...scales] : []),
      ],
      [`layer${layer}_attended`, ...present],
      {
        num_heads: heads,
        kv_num_heads: keyValueHeads,
        do_rotary: 1,
        rotary_interleaved: 0,
        scale: { float: 1 / Math.sqrt(headSize) },
        local_window_size: -1,
        ...(scales ? { k_quant_type: 'PER_CHANNEL', v_quant_type: 'PER_CHANNEL', kv_cache_bit_width: 8 } : {}),
      },
    );
  }

  /** Packed as one tensor where nothing has to happen between projection and attention. */
  #queryKeyValue(layer: number, hidden: string): [string, string, string] {
    const { heads, keyValueHeads, headSize, hiddenSize, queryKeyValueBias, queryKeyNorm } = this.#model;
    const own = `layer${layer}`;
    const part = (letter: string, count: number): MatrixPart => ({
      tensor: `model.layers.${layer}.self_attn.${letter}_proj.weight`,
      rows: count * headSize,
      ...(this.#model.interleavedRotaryRows && letter !== 'v' ? { interleavedHeadSize: headSize } : {}),
    });
    const parts = [part('q', heads), part('k', keyValueHeads), part('v', keyValueHeads)];
    // What attention looks at decides everything after it: mean KL against float32 halves, for a sixth of the products.
    const product = this.#apply(`${own}_qkv`, hidden, parts, hiddenSize, true);
    let packed = this.#adapted(layer, product, hidden, 'qkv');
    if (queryKeyValueBias) packed = this.#graph.node('Add', [packed, this.#bias(layer, parts)], [`${own}_qkv_biased`]);
    if (!queryKeyNorm) return [packed, '', ''];
    const sizes = this.#graph.int64s(`${own}_qkv_sizes`, [
      heads * headSize,
      keyValueHeads * headSize,
      keyValueHeads * headSize,
    ]);
    this.#graph.node('Split', [packed, sizes], [`${own}_q`, `${own}_k`, `${own}_v`], { axis: -1 });
    return [this.#headNorm(layer, 'q', heads), this.#headNorm(layer, 'k', keyValueHeads), `${own}_v`];
  }

  #headNorm(layer: number, letter: 'q' | 'k', count: number): string {
    const { headSize } = this.#model;
    const own = `layer${layer}_${letter}`;
    const perHead = this.#graph.int64s(`${own}_per_head`, [0, -1, headSize]);
    const flat = this.#graph.int64s(`${own}_flat`, [0, -1, count * headSize]);
    const split = this.#graph.node('Reshape', [own, perHead], [`${own}_heads`]);
    const normed = this.#norm(split, `model.layers.${layer}.self_attn.${letter}_norm.weight`, `${own}_heads`, headSize);
    return this.#graph.node('Reshape', [normed, flat], [`${own}_normed`]);
  }

  #bias(layer: number, parts: readonly MatrixPart[]): string {
    const values = parts.map((part) => this.#weights.values(part.tensor.replace(/weight$/, 'bias'), [part.rows]));
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    return this.#graph.external(`layer${layer}_qkv_bias`, 'float32', [rows], this.#data.write(values));
  }

  #apply(name: string, input: string, parts: readonly MatrixPart[], columns: number, precise = false): string {
    return this.#linear.apply(name, input, { parts, columns }, this.#options.quantization, precise);
  }

  #norm(input: string, weight: string, name: string, size: number): string {
    const attributes = { axis: -1, epsilon: { float: this.#model.rmsNormEpsilon }, stash_type: 1 };
    return this.#graph.node(
      'SimplifiedLayerNormalization',
      [input, this.#vector(weight, size)],
      [`${name}_norm`],
      attributes,
    );
  }

  #skipNorm(
    input: string,
    skip: string,
    weight: string,
    name: string,
    keepSum: boolean,
  ): { hidden: string; residual: string } {
    const residual = keepSum ? `${name}_residual` : '';
    const hidden = this.#graph.contrib(
      'SkipSimplifiedLayerNormalization',
      [input, skip, this.#vector(weight, this.#model.hiddenSize)],
      keepSum ? [`${name}_hidden`, '', '', residual] : [`${name}_hidden`],
      { epsilon: { float: this.#model.rmsNormEpsilon } },
    );
    return { hidden, residual };
  }

  #vector(tensor: string, size: number): string {
    return this.#graph.external(tensor, 'float32', [size], this.#data.write([this.#weights.values(tensor, [size])]));
  }

  #rotaryTables(): void {
    const { headSize, rotary } = this.#model;
    const positions = this.#options.contextLength;
    const { cosines, sines } = rotaryTables(headSize, rotary, positions);
    for (const [name, table] of [
      ['rotary_cos', cosines],
      ['rotary_sin', sines],
    ] as const)
      this.#graph.external(name, 'float32', [positions, headSize / 2], this.#data.write([table]));
  }
}
