import { FleetError } from '@qwenfleet/core/errors';
import { readBounded } from '../bounded-file.ts';
import { parseBoundedObject } from '../bounded-json.ts';
import type { ModelPackage } from '../model/package.ts';
import { ggufTokenizer, type TokenizerFiles } from './gguf-tokenizer.ts';

type Json = Record<string, unknown>;

const fileBytesMax = 64 * 1024 * 1024;

/** Everything that a model's files say about its text. */
export type TextFiles = TokenizerFiles & {
  /** chat_template.jinja, which wins over the tokenizer's own entry. */
  chatTemplate: string | undefined;
  /** generation_config.json; empty when there is none. */
  generation: Json;
};

/** Reads the companions of a model, or the key-values of a GGUF. Throws `invalid_model` naming the file at fault. */
export function readTextFiles(model: Pick<ModelPackage, 'format' | 'metadata' | 'companions'>): TextFiles {
  const { companions } = model;
  const files = model.format === 'gguf' ? ggufTokenizer(model.metadata) : folderTokenizer(companions);
  const templateFile = companions.get('chat_template.jinja');
  return {
    ...files,
    chatTemplate:
      templateFile === undefined
        ? templateOf(files.config)
        : readBounded(templateFile, 'chat_template.jinja', fileBytesMax),
    generation: readJson(companions, 'generation_config.json') ?? {},
  };
}

function folderTokenizer(companions: ReadonlyMap<string, string>): TokenizerFiles {
  const tokenizer = readJson(companions, 'tokenizer.json');
  if (!tokenizer)
    throw new FleetError('invalid_model', "The model's folder has no tokenizer.json; it is needed to read text.");
  return { tokenizer, config: readJson(companions, 'tokenizer_config.json') ?? {} };
}

/** A text, or a list of named ones of which "default" is meant. */
function templateOf({ chat_template: template }: Json): string | undefined {
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  const entries = template.filter((each): each is Json => typeof each === 'object' && each !== null);
  const entry = entries.find(({ name }) => name === 'default') ?? entries[0];
  return typeof entry?.['template'] === 'string' ? entry['template'] : undefined;
}

function readJson(companions: ReadonlyMap<string, string>, name: string): Json | undefined {
  const file = companions.get(name);
  return file === undefined ? undefined : parseBoundedObject(readBounded(file, name, fileBytesMax), name);
}
