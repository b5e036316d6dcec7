import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { safetensorsFile } from '@qwenfleet/runtime/fixtures/weights-files';
import { bytes, edited, folder, link, nested, type Hostile, type Make } from './model-folder.ts';

const weights = 'adapter_model.safetensors';
const settings = 'adapter_config.json';
const config = (changes: object): Make =>
  edited(settings, (text) => JSON.stringify({ ...(JSON.parse(text) as object), ...changes }));
/** Matrices of these sizes and no values: a file with a hole as large as they are. */
function matrices(sizes: Record<string, [rows: number, columns: number]>, rank: number): Make {
  let end = 0;
  const header = Object.entries(sizes).map(([module, shape]) => {
    const start = end;
    end += shape[0] * shape[1] * 4;
    return [`base_model.model.${module}.weight`, { dtype: 'F32', shape, data_offsets: [start, end] }];
  });
  return folder((at) => {
    const target = path.join(at, weights);
    const head = safetensorsFile(Object.fromEntries(header));
    writeFileSync(target, head);
    truncateSync(target, head.length + end);
    writeFileSync(path.join(at, settings), JSON.stringify({ peft_type: 'LORA', r: rank, lora_alpha: 8 }));
  });
}
const query = 'model.layers.0.self_attn.q_proj.lora_';
/** Of the query projection of the fixtures, which maps 64 values to 128. */
const pair = (rank: number): Make => matrices({ [`${query}A`]: [rank, 64], [`${query}B`]: [128, rank] }, rank);

/** To be loaded by a runtime whose `adapters.rankMax` is less than 64. */
export const adapterFolders: readonly Hostile[] = [
  { name: 'a rank of nought', make: config({ r: 0 }), says: /adapter_config\.json: r / },
  { name: 'a rank below nought', make: config({ r: -4 }), says: /adapter_config\.json: r / },
  { name: 'half a rank', make: config({ r: 0.5 }), says: /adapter_config\.json: r / },
  { name: 'another rank than its matrices’', make: config({ r: 1_000_000 }), says: /1000000/ },
  { name: 'a rank beyond what there is memory for', make: pair(64), says: /rank 64/ },
  { name: 'a rank of sixteen million, in a file of twelve gigabytes', make: pair(2 ** 24), says: /rank 16777216/ },
  { name: 'a scale that is a word', make: config({ lora_alpha: 'NaN' }), says: /lora_alpha/ },
  { name: 'a scale beyond all numbers', make: config({ lora_alpha: 1e300 }), says: /no number/ },
  { name: 'ranks for modules of no name', make: config({ rank_pattern: { '.*': 4 } }), says: /rank_pattern/ },
  { name: 'a method of no kind', make: config({ peft_type: '__proto__' }), says: /peft_type/ },
  {
    name: 'a configuration of brackets',
    make: bytes(settings, nested('[', 100_000, ']')),
    says: /adapter_config\.json/,
  },
  {
    name: 'a configuration as large as a disk',
    make: folder((at) => truncateSync(path.join(at, settings), 2 ** 40)),
    says: /larger/,
  },
  { name: 'no configuration', make: folder((at) => rmSync(path.join(at, settings))), says: /no adapter_config\.json/ },
  { name: 'a link out of the folder', make: link(settings, '/etc/hostname'), says: /link/ },
  { name: 'weights that are a link out of the folder', make: link(weights, '/dev/zero'), says: /link/ },
  { name: 'weights that are a picture', make: bytes(weights, '\u0089PNG and so on'), says: /header/ },
  {
    name: 'weights that end early',
    make: folder((at) => truncateSync(path.join(at, weights), 5_000)),
    says: /truncated|past the end/,
  },
  {
    name: 'a matrix for a layer that there is not',
    make: matrices({ 'model.layers.99.self_attn.q_proj.lora_A': [4, 64] }, 4),
    says: /layer 99/,
  },
  {
    name: 'a matrix for the embedding',
    make: matrices({ 'model.embed_tokens.lora_A': [4, 64] }, 4),
    says: /embed_tokens/,
  },
  { name: 'a matrix without its other half', make: matrices({ [`${query}A`]: [4, 64] }, 4), says: /no tensor/ },
  {
    name: 'a matrix of another model',
    make: matrices({ [`${query}A`]: [4, 96], [`${query}B`]: [128, 4] }, 4),
    says: /\[4, 96\]/,
  },
  { name: 'no matrices', make: matrices({}, 4), says: /no matrices/ },
  {
    name: 'a value that is no number',
    make: folder((at) => {
      const target = path.join(at, weights);
      const all = readFileSync(target);
      all.writeFloatLE(Number.NaN, all.length - 4);
      writeFileSync(target, all);
    }),
    says: /no number/,
  },
];
