import type { PackingMethod } from './packing.ts';
import { groupSizeOf, nameOf, refuse } from './setting.ts';

/** One in each level of a word. */
const ones = { 4: 0x11111111, 8: 0x01010101 } as const;
const inOrder = (bits: 4 | 8): number[] => Array.from({ length: 32 / bits }, (_, at) => at);

/**
 * GPTQ (arXiv 2210.17323) as AutoGPTQ and GPTQModel pack it: consecutive inputs a word in `qweight`, consecutive outputs in
 * `qzeros`, where format `gptq` has a word less one in each level, and `gptq_v2` the word itself. Read from
 * `qlinear_cuda_old.py` of AutoGPTQ (0.7) and `convert_gptq_v1_to_v2_format_module` of ModelCloud/GPTQModel, which adds to
 * whole words, as we do; vLLM reads the same. A weight is `scale * (level - zeroPoint)`.
 */
export const gptq: PackingMethod = {
  name: 'gptq',
  describe: (settings) => {
    const formatName = nameOf(settings, 'checkpoint_format', 'format');
    const format = settings.text(formatName, 'gptq');
    if (format !== 'gptq' && format !== 'gptq_v2') refuse(formatName, format, '"gptq" or "gptq_v2"');
    if (settings.flag('is_marlin_format', false)) refuse('is_marlin_format', true, 'false');
    const words = settings.text('pack_dtype', 'int32');
    if (words !== 'int32') refuse('pack_dtype', words, '"int32"');
    const bits = settings.number('bits');
    if (bits !== 4 && bits !== 8) return refuse('bits', bits, '4 or 8');
    return {
      bits,
      ...groupSizeOf(settings, 'group_size'),
      along: 'inputs',
      places: inOrder(bits),
      zeroPointOffset: format === 'gptq' ? ones[bits] : 0,
    };
  },
};
