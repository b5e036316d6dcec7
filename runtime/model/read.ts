import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { readBounded } from '../bounded-file.ts';
import { parseBoundedObject } from '../bounded-json.ts';
import type { Family, ModelDescription } from './family/family.ts';
import { families } from './family/registry.ts';
import type { ModelPackage } from './package.ts';
import { assertInside } from './inside.ts';
import { folderPooling, ggufPooling } from './pooling.ts';
import { ModelSettings, ggufSettings } from './settings.ts';
import { openGguf } from './weights/gguf.ts';
import { underBuilderNames } from './weights/gguf-names.ts';
import { packedTypes } from './weights/block-type.ts';
import type { Packing } from './weights/packed/packing.ts';
import { PackedWeights } from './weights/packed/packed-weights.ts';
import { packingOf } from './weights/packed/registry.ts';
import { openSafetensors, shardsOf } from './weights/safetensors.ts';
import type { Weights } from './weights/weights.ts';

const companionFiles = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'generation_config.json'];
/** What else is read of a folder, here or by who is asked. */
const readFiles = ['config.json', 'modules.json', '1_Pooling/config.json', 'model.safetensors.index.json'];
const jsonBytesMax = 1024 * 1024;

/** A package whose family and weights are known too: what the graph builder needs. */
export type OpenModel = ModelPackage & {
  location: string;
  description: ModelDescription;
  openWeights: () => Weights;
  /** How the linear layers are packed; undefined when they are not. */
  packing?: Packing | undefined;
  /** Folders of the adapters that are merged into the weights. */
  merged?: readonly string[];
};

/**
 * Reads what a model's files say of it: a .gguf file, a folder with config.json and safetensors, or a folder that holds
 * one .gguf. No weight is read. Throws `invalid_model` for damaged files, `unsupported_model` for unknown ones.
 */
export function readModel(location: string): OpenModel {
  if (!existsSync(location)) throw new FleetError('source_not_found', 'The model file or folder does not exist.');
  if (!statSync(location).isDirectory()) return readGguf(location);
  if (existsSync(path.join(location, 'config.json'))) return readFolder(location);
  const ggufs = readdirSync(location).filter((name) => name.endsWith('.gguf'));
  if (ggufs.length === 1 && ggufs[0]) {
    const file = path.join(location, ggufs[0]);
    assertInside(location, [file]);
    return readGguf(file);
  }
  throw new FleetError(
    'invalid_model',
    `The model's folder has no config.json and ${ggufs.length} .gguf files; it needs config.json with safetensors, or exactly one .gguf.`,
  );
}

function readGguf(file: string): OpenModel {
  const { metadata, weights } = openGguf(file);
  const architecture = String(metadata.get('general.architecture'));
  const tied = !weights.has('output.weight');
  weights.close();
  const pools = ggufPooling(metadata.get(`${architecture}.pooling_type`)) !== undefined;
  const family = familyOf(architecture, pools, ({ gguf }) => gguf === architecture);
  const settings = ggufSettings(metadata, architecture, family.ggufKeys);
  const description = withTiedHead(family.describe(settings), tied);
  return {
    ...common(family, description),
    name: textOr(metadata.get('general.name'), path.basename(file, '.gguf')),
    format: 'gguf',
    metadata,
    companions: new Map(),
    location: file,
    weightsFiles: [file],
    openWeights: () => underBuilderNames(openGguf(file).weights),
  };
}

function readFolder(folder: string): OpenModel {
  const inFolder = (name: string): string => path.join(folder, name);
  assertInside(folder, [...readFiles, ...companionFiles].map(inFolder));
  const shards = shardsOf(folder).map(inFolder);
  assertInside(folder, shards);
  const config = readJson(inFolder('config.json'));
  const architecture = String((config['architectures'] as unknown[] | undefined)?.[0] ?? config['model_type']);
  const pooling = folderPooling(folder);
  const family = familyOf(architecture, pooling !== undefined, ({ architectures }) =>
    architectures.includes(architecture),
  );
  const values = new Map<string, unknown>(Object.entries({ ...config, ...pooling }));
  const settings = new ModelSettings('safetensors', values);
  const described = family.describe(settings);
  const packing = packingOf(settings);
  const weights = openedFolder(folder, described, packing);
  weights.close();
  const description = withTiedHead(described, !weights.has('lm_head.weight'));
  const companions = companionFiles
    .map((name) => [name, inFolder(name)] as const)
    .filter(([, file]) => existsSync(file));
  return {
    ...common(family, description),
    name: path.basename(textOr(config['_name_or_path'], folder)) || path.basename(folder),
    format: 'safetensors',
    metadata: new Map(),
    companions: new Map(companions),
    location: folder,
    weightsFiles: shards,
    openWeights: () => openedFolder(folder, description, packing),
    packing,
  };
}

function common(
  family: Family,
  description: ModelDescription,
): Pick<OpenModel, 'family' | 'task' | 'vocabularySize' | 'contextLength' | 'description'> {
  return {
    family: family.name,
    task: family.task,
    vocabularySize: description.vocabularySize,
    contextLength: description.contextLength,
    description,
  };
}

function openedFolder(folder: string, { kind }: ModelDescription, packing: Packing | undefined): Weights {
  const weights = openSafetensors(folder, packing ? { types: packedTypes } : {});
  try {
    const named = kind === 'embedder' ? underHeadNames(weights) : weights;
    return packing ? new PackedWeights(named, packing) : named;
  } catch (error) {
    weights.close();
    throw error;
  }
}

/** Checkpoints of a bare model, as embedders are, have the names of one with a head less their beginning. */
function underHeadNames(weights: Weights): Weights {
  if (!weights.has('embed_tokens.weight')) return weights;
  return weights.with([...weights.tensors.values()].map((tensor) => ({ ...tensor, name: `model.${tensor.name}` })));
}

/** Files say by what they hold whether the head is tied; a setting that contradicts them is of no use. */
const withTiedHead = (description: ModelDescription, tied: boolean): ModelDescription =>
  description.kind === 'decoder' ? { ...description, tiedHead: tied } : description;

const textOr = (value: unknown, fallback: string): string =>
  typeof value === 'string' && value !== '' ? value : fallback;

/** @param pools the files say how vectors are made */
function familyOf(architecture: string, pools: boolean, matches: (family: Family) => boolean): Family {
  const candidates = families.filter(matches);
  const family = candidates.find(({ task }) => (task === 'embed') === pools);
  if (family) return family;
  const [first] = candidates;
  if (first && !pools) return first;
  const known = families.flatMap(({ architectures, task }) => (task === 'embed' || !pools ? architectures : []));
  throw new FleetError(
    'unsupported_model',
    `The architecture ${JSON.stringify(architecture)} is not supported${pools ? ' for embeddings' : ''}; these are: ${[...new Set(known)].join(', ')}.`,
    { param: 'architectures' },
  );
}

function readJson(file: string): Record<string, unknown> {
  const name = path.basename(file);
  return parseBoundedObject(readBounded(file, name, jsonBytesMax), name);
}
