import { truncateSync } from 'node:fs';
import path from 'node:path';
import { bytes, edited, folder, link, nested, template, tokenizer, type Hostile, type Make } from './model-folder.ts';

const name = 'tokenizer.json';
const model = (changes: object): Make => tokenizer({ model: { type: 'BPE', vocab: { a: 0 }, merges: [], ...changes } });
const added = (...tokens: unknown[]): Make => tokenizer({ added_tokens: tokens });
const token = { content: '<x>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false };
const splitBy = (Regex: string): Make =>
  tokenizer({ pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false } });
const replacedIn = (field: string, value: string): Make =>
  edited(name, (whole) => whole.replace('{', `{"${field}":${value},`).replace(new RegExp(`,"${field}":null`), ''));

export const textFiles: readonly Hostile[] = [
  { name: 'a tokenizer of brackets', make: bytes(name, '{"a":'.repeat(2 ** 18)), says: /tokenizer\.json/ },
  {
    name: 'a tokenizer of 60 megabytes of brackets',
    make: bytes(name, '['.repeat(60 * 2 ** 20)),
    says: /tokenizer\.json/,
  },
  {
    name: 'a tokenizer of millions of objects',
    make: bytes(name, `[${'{},'.repeat(5 * 2 ** 20)}{}]`),
    says: /tokenizer\.json/,
  },
  {
    name: 'a tokenizer as large as a disk',
    make: folder((at) => truncateSync(path.join(at, name), 2 ** 40)),
    says: /larger/,
  },
  { name: 'a tokenizer that is a link out of the folder', make: link(name, '/etc/hostname'), says: /link/ },
  { name: 'a tokenizer that is a list', make: bytes(name, '[]'), says: /no JSON object|not a JSON object/ },
  { name: 'a tokenizer that is empty', make: bytes(name, '{}'), says: /tokenizer/ },
  { name: 'a vocabulary that is a number', make: model({ vocab: 5 }), says: /tokenizer/ },
  { name: 'a vocabulary of words', make: model({ vocab: { a: 'b', c: 'd' } }), says: /tokenizer/ },
  { name: 'a vocabulary below nought', make: model({ vocab: { a: -5 } }), says: /tokenizer/ },
  { name: 'a vocabulary of halves', make: model({ vocab: { a: 0.5 } }), says: /tokenizer/ },
  { name: 'a vocabulary beyond the weights', make: model({ vocab: { a: 1e9 } }), says: /1000000001 tokens/ },
  { name: 'merges that are a number', make: model({ merges: 5 }), says: /tokenizer/ },
  { name: 'merges of numbers', make: model({ merges: [5, null] }), says: /tokenizer/ },
  { name: 'an added token beyond the weights', make: added({ ...token, id: 2 ** 40 }), says: /1099511627777 tokens/ },
  { name: 'an added token below nought', make: added({ ...token, id: -1 }), says: /tokenizer/ },
  { name: 'an added token without a text', make: added({ ...token, id: 1, content: 5 }), says: /tokenizer/ },
  { name: 'added tokens that are a text', make: tokenizer({ added_tokens: 'all' }), says: /tokenizer/ },
  { name: 'a normalizer of no kind', make: tokenizer({ normalizer: { type: 'constructor' } }), says: /tokenizer/ },
  { name: 'a pattern that is none', make: splitBy('('), says: /tokenizer/ },
  {
    name: 'a decoder in a decoder in a decoder',
    make: replacedIn('decoder', nested('{"type":"Sequence","decoders":[', 20_000, ']}', '{"type":"Fuse"}')),
    says: /tokenizer/,
  },
  { name: 'a template that ends in the middle', make: template('{% if messages'), says: /chat template/ },
  { name: 'a template of brackets', make: template(`{{ ${nested('(', 200_000, ')', '1')} }}`), says: /chat template/ },
  {
    name: 'a template that calls itself',
    make: template('{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}'),
    says: /chat template/,
  },
  {
    name: 'a template that writes megabytes',
    make: template(`{{ '${'a'.repeat(2_000_000)}' }}`),
    says: /chat template makes/,
  },
  {
    name: 'a template that doubles without end',
    make: template(`{% set ns = namespace(x='aaaaaaaa') %}${'{% set ns.x = ns.x ~ ns.x %}'.repeat(26)}{{ ns.x }}`),
    says: /chat template (takes|makes)/,
  },
  {
    name: 'a recommendation of brackets',
    make: bytes('generation_config.json', nested('[', 2 ** 20, ']')),
    says: /generation_config\.json/,
  },
];

/** What only time tells: each is given as long as honest files may take. */
export const slowTextFiles: readonly Hostile[] = [
  {
    name: 'a tokenizer whose pattern tries every way to fail',
    make: splitBy('(x+x+)+y'),
    says: /tokenizer takes more/,
  },
  {
    name: 'a template that counts to a billion',
    make: template('{% for i in range(1000000000) %}{% endfor %}'),
    says: /chat template takes more/,
  },
  {
    name: 'a template of loops in loops',
    make: template(nested('{% for a in range(1000) %}', 6, '{% endfor %}')),
    says: /chat template takes more/,
  },
];
