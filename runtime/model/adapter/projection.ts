import type { DecoderDescription } from '../family/family.ts';

/** The linear layers that an adapter may change, by the names that PEFT gives them less `_proj`. */
export const projections = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;
export type Projection = (typeof projections)[number];

/** A projection's matrix maps `columns` values to `rows`. */
export type ProjectionShape = { name: Projection; rows: number; columns: number };

/** A module's name within its layer, such as `self_attn.q_proj`. */
export const moduleOf = (projection: Projection): string =>
  `${feedForward.has(projection) ? 'mlp' : 'self_attn'}.${projection}_proj`;

const feedForward: ReadonlySet<Projection> = new Set(['gate', 'up', 'down']);

/** Projections of one input, whose products the graph has side by side. */
export const sites = {
  qkv: ['q', 'k', 'v'],
  o: ['o'],
  gate_up: ['gate', 'up'],
  down: ['down'],
} as const satisfies Record<string, readonly Projection[]>;
export type SiteName = keyof typeof sites;
export type Site = { name: SiteName; projections: ProjectionShape[] };

/** Those whose projections a decoder has. */
export function sitesOf(model: Pick<DecoderDescription, ShapeField>): Site[] {
  const shapes = projectionsOf(model);
  return (Object.keys(sites) as SiteName[]).flatMap((name) => {
    const own: readonly Projection[] = sites[name];
    const projections = shapes.filter((shape) => own.includes(shape.name));
    return projections.length === 0 ? [] : [{ name, projections }];
  });
}

/** Those that a decoder has; experts have matrices of their own, which no adapter changes. */
export function projectionsOf(model: Pick<DecoderDescription, ShapeField>): ProjectionShape[] {
  const { hiddenSize, heads, keyValueHeads, headSize, feedForwardSize, experts } = model;
  const shapes: Record<Projection, [rows: number, columns: number]> = {
    q: [heads * headSize, hiddenSize],
    k: [keyValueHeads * headSize, hiddenSize],
    v: [keyValueHeads * headSize, hiddenSize],
    o: [hiddenSize, heads * headSize],
    gate: [feedForwardSize, hiddenSize],
    up: [feedForwardSize, hiddenSize],
    down: [hiddenSize, feedForwardSize],
  };
  return projections
    .filter((name) => !experts || !feedForward.has(name))
    .map((name) => ({ name, rows: shapes[name][0], columns: shapes[name][1] }));
}

type ShapeField = 'hiddenSize' | 'heads' | 'keyValueHeads' | 'headSize' | 'feedForwardSize' | 'experts';
