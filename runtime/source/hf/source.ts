import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { isInside } from '../inside.ts';
import { withLock } from '../lock.ts';
import type { PullOptions, Source } from '../source.ts';
import { HubCache } from './cache.ts';
import { fetchFile, resolveRevision, type Snapshot } from './hub.ts';

const address = /^([\w.-]+\/[\w.-]+)(?:\/(.+\.gguf))?$/;

/** Besides the weights: what the runtime reads of a model's folder. */
const companions = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'modules.json',
  '1_Pooling/config.json',
  'model.safetensors.index.json',
  'adapter_config.json',
]);

/** `hf://owner/name`, or one file of it: `hf://owner/name/file.gguf`. Kept in the folder that the hub's own tools use. */
export const hubSource: Source = {
  scheme: 'hf',
  async pull(rest, options) {
    const [, repository, file] = address.exec(rest) ?? [];
    if (repository === undefined || (file !== undefined && !isInside(file))) {
      throw new FleetError(
        'invalid_config',
        `model.uri: hf://${rest} is not hf://OWNER/NAME or hf://OWNER/NAME/FILE.gguf.`,
        { param: 'model.uri' },
      );
    }
    const revision = options.revision ?? 'main';
    const cache = new HubCache(options.hub.cacheDir, repository);
    const snapshot = await snapshotOf(cache, repository, revision, options);
    options.onRevision?.(snapshot.commit);
    const names = file === undefined ? namesOf(snapshot, repository) : [file];
    const folder = cache.snapshotFolder(snapshot.commit);
    const missing = names.filter((name) => !cache.has(snapshot.commit, name));
    if (missing.length > 0) {
      await withLock(path.join(cache.folder, '.qwenfleet.lock'), options.signal, async () => {
        for (const name of missing) {
          if (!cache.has(snapshot.commit, name))
            await fetchFile(cache, { repository, commit: snapshot.commit, name }, options);
        }
      });
    }
    cache.remember(revision, snapshot);
    return file === undefined ? weightsAt(folder, names) : path.join(folder, file);
  },
};

/** What the hub says the revision is now; what it said last when it does not answer. */
async function snapshotOf(
  cache: HubCache,
  repository: string,
  revision: string,
  options: PullOptions,
): Promise<Snapshot> {
  const known = cache.remembered(revision);
  // A commit never changes, so there is nothing to ask.
  if (known && known.commit === revision) return known;
  try {
    return await resolveRevision(repository, revision, options);
  } catch (error) {
    if (known && error instanceof FleetError && error.code === 'source_unavailable') return known;
    throw error;
  }
}

function namesOf({ files }: Snapshot, repository: string): string[] {
  const safetensors = files.filter((name) => /^[^/]+\.safetensors$/.test(name));
  if (safetensors.length > 0) return [...files.filter((name) => companions.has(name)), ...safetensors];
  const ggufs = files.filter((name) => name.endsWith('.gguf'));
  if (ggufs.length === 1) return ggufs;
  const remedy =
    ggufs.length === 0
      ? 'Choose a repository with safetensors or GGUF files.'
      : `Choose one: hf://${repository}/${ggufs[0]}`;
  throw new FleetError(
    'source_not_found',
    `model.uri: ${repository} has no safetensors and ${ggufs.length} GGUF files. ${remedy}`,
    { param: 'model.uri' },
  );
}

const weightsAt = (folder: string, names: readonly string[]): string =>
  names.length === 1 && names[0]?.endsWith('.gguf') === true ? path.join(folder, names[0]) : folder;
