import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import { readBounded } from '../../bounded-file.ts';
import { parseBoundedObject } from '../../bounded-json.ts';

export const adapterConfigName = 'adapter_config.json';

const configBytesMax = 1024 * 1024;
const patternsMax = 10_000;

/** As PEFT writes it (LoraConfig); what is not here changes nothing of what the matrices mean. */
const configSchema = z.object({
  peft_type: z.string(),
  r: z.int().positive(),
  lora_alpha: z.number(),
  use_rslora: z.boolean().nullish(),
  rank_pattern: z.record(z.string(), z.int().positive()).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  bias: z.string().nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
});
type Given = z.infer<typeof configSchema>;

/** How much of a module an adapter's matrices are. */
export type AdapterScale = { rank: number; scale: number };

/** Settings under which the matrices mean more than `x + scale * up * down * x`. */
const refused: readonly (readonly [setting: string, remedy: string])[] = [
  ['use_dora', 'Merge the adapter into the weights and serve those.'],
  ['use_qalora', 'Train a plain LoRA.'],
  ['lora_bias', 'Train it with lora_bias off.'],
  ['fan_in_fan_out', 'Transpose the matrices, and set it to false.'],
  ['modules_to_save', 'Merge the adapter into the weights and serve those.'],
  ['layer_replication', 'Merge the adapter into the weights and serve those.'],
  ['target_parameters', 'Adapters of experts are not supported; merge it into the weights and serve those.'],
  ['trainable_token_indices', 'Merge the adapter into the weights and serve those.'],
  ['alora_invocation_tokens', 'Train a plain LoRA.'],
];

/** Beginnings that take their part out of the base weights, so that only those without it would fit. */
const changesBase = /^(pissa|olora|corda|loftq|lora_ga)/i;

/** An adapter's settings: rank and scale of each module. */
export class AdapterConfig {
  readonly #given: Given;

  private constructor(given: Given) {
    this.#given = given;
  }

  /** Throws `invalid_model` for what is no configuration of PEFT, `unsupported_model` for what we would get wrong. */
  static read(folder: string): AdapterConfig {
    const text = readBounded(path.join(folder, adapterConfigName), adapterConfigName, configBytesMax);
    const value = parseBoundedObject(text, adapterConfigName, 'adapter');
    const given = configSchema.safeParse(value);
    if (!given.success) {
      const [issue] = given.error.issues;
      const field = issue?.path.join('.') ?? '';
      throw new FleetError(
        'invalid_model',
        `${adapterConfigName}: ${field || 'it'} is not as PEFT writes it: ${issue?.message}.`,
        {
          param: field,
        },
      );
    }
    assertPlain(value, given.data);
    return new AdapterConfig(given.data);
  }

  /** @param module its whole name, such as `model.layers.0.self_attn.q_proj`. */
  of(module: string): AdapterScale {
    const { r, lora_alpha: alpha, rank_pattern: ranks, alpha_pattern: alphas, use_rslora: stabilised } = this.#given;
    const rank = chosen(ranks, module) ?? r;
    return { rank, scale: (chosen(alphas, module) ?? alpha) / (stabilised === true ? Math.sqrt(rank) : rank) };
  }
}

/** A key stands for all modules that end in it, at a dot. */
function chosen(pattern: Record<string, number> | null | undefined, module: string): number | undefined {
  return Object.entries(pattern ?? {}).find(([key]) => module === key || module.endsWith(`.${key}`))?.[1];
}

function assertPlain(value: Record<string, unknown>, given: Given): void {
  const refuse = (setting: string, found: unknown, remedy: string): never => {
    const shown = JSON.stringify(found).slice(0, 60);
    throw new FleetError(
      'unsupported_model',
      `${adapterConfigName}: ${setting} = ${shown} is not supported. ${remedy}`,
      {
        param: setting,
      },
    );
  };
  if (given.peft_type.toUpperCase() !== 'LORA') refuse('peft_type', given.peft_type, 'LORA is.');
  if ((given.bias ?? 'none') !== 'none') refuse('bias', given.bias, 'Train it with bias "none".');
  if (typeof given.init_lora_weights === 'string' && changesBase.test(given.init_lora_weights))
    refuse(
      'init_lora_weights',
      given.init_lora_weights,
      'Save it as a plain LoRA (path_initial_model_for_weight_conversion).',
    );
  for (const [setting, remedy] of refused) if (isSet(value[setting])) refuse(setting, value[setting], remedy);
  for (const setting of ['rank_pattern', 'alpha_pattern'] as const) {
    const keys = Object.keys(given[setting] ?? {});
    const stray = keys.find((key) => !/^[\w.]+$/.test(key));
    if (stray !== undefined) refuse(setting, stray, 'Keys are names of modules, without wildcards.');
    if (keys.length > patternsMax) refuse(setting, keys.length, `${patternsMax} keys are the most.`);
  }
}

/** Something else than the default of a setting that is off. */
const isSet = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
