import { FleetError } from '@qwenfleet/core/errors';
import type { ModelSettings } from '../../settings.ts';

/** Checkpoints of the same model that we read. */
const remedy = 'Pull a checkpoint that has it, a GGUF, or one that is not quantised.';

/** Throws `unsupported_model` for a setting whose value we do not read. */
export function refuse(setting: string, value: unknown, supported: string): never {
  throw new FleetError(
    'unsupported_model',
    `The model's configuration has quantization_config.${setting} = ${JSON.stringify(value)}; ${supported} is supported. ${remedy}`,
    { param: `quantization_config.${setting}` },
  );
}

/** The first of some names that a setting goes by. */
export const nameOf = (settings: ModelSettings, ...names: [string, ...string[]]): string =>
  names.find((name) => settings.has(name)) ?? names[0];

/** Inputs that share a scale; -1 says all of an output's. */
export function groupSizeOf(settings: ModelSettings, name: string): { groupSize?: number } {
  const groupSize = settings.number(name);
  if (groupSize === -1) return {};
  // Blocks of the operator are powers of two from 16 on; a group may be several of them.
  if (groupSize <= 0 || groupSize % 16 !== 0) refuse(name, groupSize, 'a multiple of 16, or -1,');
  return { groupSize };
}
