import { FleetError } from '@qwenfleet/core/errors';
import type { ModelSettings } from '../../settings.ts';
import { awq } from './awq.ts';
import { gptq } from './gptq.ts';
import type { Packing, PackingMethod } from './packing.ts';

const methods: readonly PackingMethod[] = [awq, gptq];

/**
 * How the weights beside a config.json are packed; undefined when they are not.
 * Throws `unsupported_model` for what we do not read.
 */
export function packingOf(config: ModelSettings): Packing | undefined {
  const settings = config.nested('quantization_config');
  if (!settings) return undefined;
  const given = settings.text('quant_method', '');
  const method = methods.find(({ name }) => name === given);
  if (method) return method.describe(settings);
  throw new FleetError(
    'unsupported_model',
    `The model's configuration has quantization_config.quant_method = ${JSON.stringify(given)}; these are supported: ${methods.map(({ name }) => name).join(', ')}. Pull such a checkpoint of this model, a GGUF, or one that is not quantised.`,
    { param: 'quantization_config.quant_method' },
  );
}
