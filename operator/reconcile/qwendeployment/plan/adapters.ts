import type { AdapterReference } from '@qwenfleet/core/fleet/runtime-config';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { EngineType, Substrate } from '../../substrate.ts';

/** Adapters that every replica of a pool loads; when there is one that they cannot, all are left out, and `refused` says why. */
export type PoolAdapters = { list: AdapterReference[]; refused?: string };

/** What a pool's adapters come to on a substrate. */
export function poolAdapters(
  { adapters = [], model }: QwenDeployment['spec'],
  engine: EngineType,
  { name: substrate, adapterSchemes }: Substrate,
): PoolAdapters {
  if (adapters.length === 0) return { list: [] };
  const refuse = (refused: string): PoolAdapters => ({ list: [], refused });
  if (engine !== 'qwen') return refuse(`the ${engine} engine is told of no adapters; engine.type qwen loads them`);
  if (model.task === 'Embed') return refuse('models that make vectors take no adapters');
  const schemes = adapterSchemes(schemeOf(model.uri ?? ''));
  const stray = adapters.find(({ uri }) => !schemes.includes(schemeOf(uri)));
  if (stray) {
    const known = schemes.length === 0 ? 'none' : schemes.map((scheme) => `${scheme}://`).join(', ');
    return refuse(
      `${substrate} brings adapters for this model from ${known} only, and ${stray.name} is at ${stray.uri}`,
    );
  }
  return {
    list: adapters.map(({ name, uri, revision }) => ({ name, uri, ...(revision === undefined ? {} : { revision }) })),
  };
}

const schemeOf = (uri: string): string => uri.split('://')[0] ?? '';
