import type { PackingMethod } from './packing.ts';
import { groupSizeOf, nameOf, refuse } from './setting.ts';

/**
 * AWQ (arXiv 2306.00978) as AutoAWQ's version `gemm` packs it: eight outputs a word, the even ones first. Read from
 * `WQLinear_GEMM.from_linear` and `awq/utils/packing_utils.py` of casper-hansen/AutoAWQ (0.2); vLLM and transformers read
 * the same. A weight is `scale * (level - zeroPoint)`.
 */
export const awq: PackingMethod = {
  name: 'awq',
  describe: (settings) => {
    const version = nameOf(settings, 'version', 'checkpoint_format', 'format');
    const given = settings.text(version, 'gemm');
    if (given.toLowerCase() !== 'gemm') refuse(version, given, '"gemm"');
    const bitsName = nameOf(settings, 'bits', 'w_bit');
    const bits = settings.number(bitsName);
    if (bits !== 4) refuse(bitsName, bits, '4');
    if (!settings.flag('zero_point', true)) refuse('zero_point', false, 'true');
    return {
      bits,
      ...groupSizeOf(settings, nameOf(settings, 'group_size', 'q_group_size')),
      along: 'outputs',
      places: [0, 4, 1, 5, 2, 6, 3, 7],
      zeroPointOffset: 0,
    };
  },
};
