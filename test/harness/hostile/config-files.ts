import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bytes, config, edited, folder, link, nested, type Hostile, type Make } from './model-folder.ts';

const name = 'config.json';
const text = (value: string): Make => bytes(name, value);
const huge = 2 ** 30;
/** A setting written as JSON has no value for. */
const written = (setting: string, value: string): Make =>
  edited(name, (whole) => whole.replace(new RegExp(`"${setting}": [^,}]+`), `"${setting}": ${value}`));
const experts = { architectures: ['Qwen3MoeForCausalLM'], num_experts_per_tok: 2, moe_intermediate_size: 32 };
const rotary = (changes: object): Make => config({ rope_parameters: { rope_type: 'default', ...changes } });
const packed = (changes: object): Make =>
  config({ quantization_config: { quant_method: 'gptq', bits: 4, group_size: 32, sym: true, ...changes } });

export const configFiles: readonly Hostile[] = [
  { name: 'brackets', make: text('['.repeat(2 ** 22)), says: /config\.json/ },
  { name: 'objects in objects', make: text(nested('{"a":', 100_000, '}', '1')), says: /config\.json/ },
  { name: 'a million objects', make: text(`[${'{},'.repeat(2 ** 20)}{}]`), says: /config\.json/ },
  { name: 'a list', make: text('[]'), says: /not a JSON object/ },
  { name: 'nothing', make: text(''), says: /not valid JSON/ },
  {
    name: 'a file as large as a disk',
    make: folder((at) => truncateSync(path.join(at, name), 2 ** 40)),
    says: /larger/,
  },
  {
    name: 'a pipe',
    make: folder((at) => {
      rmSync(path.join(at, name));
      execFileSync('mkfifo', [path.join(at, name)]);
    }),
    says: /plain file/,
  },
  { name: 'a link out of the folder', make: link(name, '/etc/hostname'), says: /link/ },
  {
    name: 'a graph with data outside of the folder, and no configuration',
    make: (at) => {
      mkdirSync(at);
      writeFileSync(path.join(at, 'model.onnx'), 'location ../../../../etc/passwd');
      return at;
    },
    says: /config\.json/,
  },
  { name: 'heads that the key heads do not divide', make: config({ num_key_value_heads: 3 }), says: /multiple/ },
  { name: 'no layers', make: config({ num_hidden_layers: 0 }), says: /num_hidden_layers = 0/ },
  { name: 'a layer and a half', make: config({ num_hidden_layers: 1.5 }), says: /num_hidden_layers = 1\.5/ },
  { name: 'layers in words', make: config({ num_hidden_layers: '2' }), says: /num_hidden_layers = "2"/ },
  {
    name: 'layers that only a prototype has',
    make: edited(name, (whole) => whole.replace('"num_hidden_layers": 2', '"__proto__": {"num_hidden_layers": 2}')),
    says: /num_hidden_layers = nothing/,
  },
  { name: 'a billion layers', make: config({ num_hidden_layers: huge }), says: /no tensor|MiB|at most/ },
  { name: 'a vocabulary of a billion', make: config({ vocab_size: huge }), says: /1073741824|MiB/ },
  { name: 'a hidden size below nought', make: config({ hidden_size: -64 }), says: /hidden_size = -64/ },
  { name: 'a hidden size of a billion', make: config({ hidden_size: huge }), says: /1073741824|MiB/ },
  { name: 'a feed-forward of a billion', make: config({ intermediate_size: huge }), says: /1073741824|MiB/ },
  { name: 'a size beyond all numbers', make: written('hidden_size', '1e999'), says: /hidden_size/ },
  { name: 'heads of an odd size', make: config({ head_dim: 33 }), says: /even/ },
  { name: 'heads as large as memory', make: config({ head_dim: huge }), says: /1073741824|MiB|head_dim/ },
  { name: 'a billion heads', make: config({ num_attention_heads: huge, num_key_value_heads: huge }), says: /head|MiB/ },
  {
    name: 'a context of a tenth of a token',
    make: config({ max_position_embeddings: 0.1 }),
    says: /max_position_embeddings/,
  },
  { name: 'a norm that divides by less than nought', make: config({ rms_norm_eps: -1 }), says: /rms_norm_eps/ },
  { name: 'a norm that divides by all numbers', make: written('rms_norm_eps', '1e999'), says: /rms_norm_eps/ },
  { name: 'a rotary base of nought', make: rotary({ rope_theta: 0 }), says: /rope_theta/ },
  { name: 'a rotary base that is no number', make: rotary({ rope_theta: 'NaN' }), says: /rope_theta/ },
  { name: 'a rotary base without end', make: written('rope_theta', '1e999'), says: /rope_theta/ },
  { name: 'YaRN of no end', make: rotary({ rope_type: 'yarn', rope_theta: 1e6, factor: 1e300 }), says: /factor/ },
  { name: 'a rotary embedding of no kind', make: rotary({ rope_type: '__proto__' }), says: /__proto__/ },
  {
    name: 'a value of a megabyte',
    make: config({ hidden_size: 'x'.repeat(500_000) }),
    says: /hidden_size = "x{1,200}…?/,
  },
  { name: 'a billion experts', make: config({ ...experts, num_experts: huge }), says: /num_experts/ },
  {
    name: 'more experts for a token than there are',
    make: config({ ...experts, num_experts: 1 }),
    says: /num_experts_per_tok/,
  },
  {
    name: 'an architecture that is a program',
    make: config({ architectures: ['__proto__'], auto_map: { AutoModel: 'evil.py' } }),
    says: /not supported/,
  },
  { name: 'an architecture that is a number', make: config({ architectures: 5 }), says: /not supported/ },
  {
    name: 'an architecture of brackets',
    make: edited(name, (whole) => whole.replace('"Qwen3ForCausalLM"', nested('[', 50_000, ']'))),
    says: /config\.json|not supported/,
  },
  { name: 'weights packed by no method', make: packed({ quant_method: 'constructor' }), says: /quant_method/ },
  { name: 'weights packed into no bits', make: packed({ bits: 0 }), says: /bits/ },
  { name: 'groups of nought', make: packed({ group_size: 0 }), says: /group_size/ },
  { name: 'packed weights that are not there', make: packed({}), says: /qweight/ },
];
