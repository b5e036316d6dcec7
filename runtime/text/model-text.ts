import { createHash } from 'node:crypto';
import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';
import type { ModelPackage } from '../model/package.ts';
import { ChatTemplate } from './chat-template.ts';
import { Grammars } from './grammar/grammars.ts';
import { openTokenizer } from './hugging-face.ts';
import type { TextFiles } from './model-files.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What a model's text files make of themselves. Models of the same files share one. */
export type ModelText = {
  /** Of the files that it was opened from. */
  digest: string;
  /** Rows that a matrix needs for every token to have its own. */
  rows: number;
  tokenizer: Tokenizer;
  /** Undefined for models that complete texts and do not chat, and for those that make vectors. */
  template: ChatTemplate | undefined;
  grammars: Grammars;
  /** generation_config.json. */
  generation: TextFiles['generation'];
};

/** Hex sha256 over everything that is read of text files. */
export const textDigest = ({ tokenizer, config, chatTemplate, generation }: TextFiles): string =>
  createHash('sha256')
    .update(JSON.stringify([tokenizer, config, chatTemplate ?? null, generation]))
    .digest('hex');

/**
 * Opens text files, for as long as a vocabulary takes to be gone through: a tenth of a second for each 20,000 tokens.
 * Throws `invalid_model` for files that cannot be used, or not with these weights.
 */
export function openText(
  files: TextFiles,
  digest: string,
  { task, vocabularySize }: Pick<ModelPackage, 'task' | 'vocabularySize'>,
): ModelText {
  // Before it is opened: the library makes room for every number up to the largest.
  const ids = tokenIds(files);
  assertNumbered(ids);
  const rows = ids.reduce<number>((most, id) => Math.max(most, Number(id) + 1), 0);
  assertRows(rows, vocabularySize);
  const tokenizer = openTokenizer(files);
  assertRows(tokenizer.vocabularySize, vocabularySize);
  return {
    digest,
    rows: Math.max(rows, tokenizer.vocabularySize),
    tokenizer,
    template: task === 'generate' ? ChatTemplate.open(files, tokenizer) : undefined,
    grammars: new Grammars(tokenizer),
    generation: files.generation,
  };
}

/**
 * A token that the graph has no row for would read beyond the embedding matrix. Throws `invalid_model`.
 * @param wanted rows that the tokens need
 */
export function assertRows(wanted: number, rows: number): void {
  if (wanted <= rows) return;
  throw new FleetError(
    'invalid_model',
    `The tokenizer has ${wanted} tokens and the weights have ${rows}: they are not of the same model.`,
  );
}

/** Every number that a vocabulary gives a token; a list has them by its places. */
function tokenIds({ tokenizer: { model, added_tokens: added } }: TextFiles): unknown[] {
  const { vocab } = (model ?? {}) as { vocab?: unknown };
  const own = isObject(vocab) ? Object.values(vocab) : [];
  const others = Array.isArray(added) ? added.map((token: { id?: unknown } | null) => token?.id) : [];
  return [...own, ...others];
}

/** The engine would be asked for rows that there are not, or for half of one. */
function assertNumbered(ids: readonly unknown[]): void {
  const at = ids.findIndex((id) => !(Number.isInteger(id) && Number(id) >= 0));
  if (at === -1) return;
  const shown = (JSON.stringify(ids[at]) ?? 'nothing').slice(0, 60);
  throw new FleetError(
    'invalid_model',
    `tokenizer.json gives a token the number ${shown}; tokens are counted from 0. Pull the model again.`,
  );
}
