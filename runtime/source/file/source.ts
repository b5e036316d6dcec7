import { existsSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import type { Source } from '../source.ts';

/** `file:///absolute/path`: used where it lies. */
export const fileSource: Source = {
  scheme: 'file',
  async pull(rest) {
    const file = decodeURIComponent(rest);
    if (!path.isAbsolute(file)) {
      throw new FleetError('invalid_config', `model.uri: file://${rest} is not absolute; write file:///folder/model.`, {
        param: 'model.uri',
      });
    }
    if (existsSync(file)) return file;
    throw new FleetError('source_not_found', `model.uri: there is no ${path.basename(file)} at that path.`, {
      param: 'model.uri',
    });
  },
};
