import { FleetError } from '@qwenfleet/core/errors';
import type { WeightsReference } from '@qwenfleet/core/fleet/runtime-config';
import type { DecoderDescription } from '../model/family/family.ts';
import { readAdapter } from '../model/adapter/read-adapter.ts';
import { weightsDigest } from '../model/graph-cache.ts';
import { pull } from '../source/pull.ts';
import type { PullOptions, SourceConfig } from '../source/source.ts';
import type { OpenAdapter } from './adapters.ts';

export type PullParts = Pick<PullOptions, 'signal' | 'onProgress'> & { source: SourceConfig };

/**
 * Brings an adapter's folder to this machine, by the same sources as a model's.
 * @param field where it was asked for; names it in what is thrown
 */
export async function pullAdapter(
  { uri, revision, sha256 }: WeightsReference,
  { source, signal, onProgress }: PullParts,
  field: string,
): Promise<string> {
  try {
    return await pull(uri, { ...source, revision, sha256, signal, onProgress });
  } catch (error) {
    throw named(error, field);
  }
}

/** Opens adapters of one model: their files are checked now, and are the same whenever they are read. */
export const adapterOpener =
  (description: DecoderDescription, source: SourceConfig): OpenAdapter =>
  async (reference, signal) => {
    const own = `adapter "${reference.name}"`;
    const location = await pullAdapter(reference, { source, signal }, own);
    try {
      const { files, rank, matrices } = readAdapter(location, description);
      let digest: string | undefined;
      return {
        weights: Symbol(reference.name),
        rank,
        // Not before: by then its rank is known to be one that there is memory for, and the file to be as small.
        open: async () => {
          const found = await weightsDigest({ weightsFiles: files }, source.cacheDir);
          digest ??= found;
          if (found === digest) return matrices();
          throw new FleetError('digest_mismatch', `${own}: its files have changed since it was loaded. Load it anew.`);
        },
      };
    } catch (error) {
      throw named(error, own);
    }
  };

/** Sources speak of the model, because most of what they bring is one. */
function named(error: unknown, field: string): unknown {
  if (!(error instanceof FleetError)) return error;
  const { code, cause } = error;
  const message = error.message.replace(/^model\.uri: /, '').replaceAll(/model\.(?:verify\.)?(uri|sha256)/g, '$1');
  return new FleetError(code, `${field}: ${message}`, { param: field, cause });
}
