import { createHash } from 'node:crypto';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { download } from '../download.ts';
import { withLock } from '../lock.ts';
import type { Source } from '../source.ts';

/** `https://host/path/model.gguf`: one file. */
export const httpsSource: Source = {
  scheme: 'https',
  async pull(rest, { cacheDir, signal, onProgress }) {
    const url = `https://${rest}`;
    const name = path.posix.basename(new URL(url).pathname);
    if (!name.endsWith('.gguf')) {
      throw new FleetError(
        'invalid_config',
        `model.uri: ${name || 'the address'} is no .gguf file; https:// brings single files.`,
        { param: 'model.uri' },
      );
    }
    const folder = createHash('sha256').update(url).digest('hex').slice(0, 16);
    const target = path.join(cacheDir, 'https', folder, name);
    await withLock(`${target}.lock`, signal, () =>
      download({
        url,
        target,
        signal,
        onProgress: (doneBytes, totalBytes) => onProgress?.({ name, doneBytes, totalBytes }),
      }),
    );
    return target;
  },
};
