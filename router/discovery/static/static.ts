import { readFile } from 'node:fs/promises';
import { unwatchFile, watchFile } from 'node:fs';
import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import type { Discovery, Heard } from '../discovery.ts';
import { readStaticFile } from './file.ts';

/** The file is looked at this often. By its state and not by events: a mounted ConfigMap changes behind a link. */
const lookEveryMs = 1_000;

export type StaticOptions = {
  file: string | undefined;
  /** SIGHUP reads the file again at once. */
  signals: Pick<NodeJS.Process, 'on' | 'off'>;
  lookEveryMs?: number;
};

/** Reads pools and their servers from a file, again whenever it changes. Throws `invalid_config` without a file. */
export function staticDiscovery(options: StaticOptions): Discovery {
  const { file, signals } = options;
  if (file === undefined) throw new FleetError('invalid_config', 'Name the configuration: --config FILE.');
  let closed = false;
  let generation = 0;
  let reading = Promise.resolve();
  let stopWatching: () => void = () => undefined;

  const read = async (heard: Heard): Promise<void> => {
    try {
      const { config, pools } = readStaticFile(await readFile(file, 'utf8').catch(unreadable), file);
      if (closed) return;
      generation += 1;
      heard.config(config);
      heard.endpoints({ generation, pools });
    } catch (thrown) {
      if (!closed) heard.refused(asFleetError(thrown));
    }
  };
  const unreadable = (cause: NodeJS.ErrnoException): never => {
    throw new FleetError('invalid_config', `${file} cannot be read (${cause.code ?? 'unknown'}).`, { cause });
  };

  return {
    name: 'static',
    foreground: true,
    start: (heard) => {
      // One reading after another, so that an older one never wins.
      const again = (): void => void (reading = reading.then(() => read(heard)));
      const watcher = (): void => again();
      watchFile(file, { interval: options.lookEveryMs ?? lookEveryMs }, watcher);
      signals.on('SIGHUP', again);
      stopWatching = () => {
        unwatchFile(file, watcher);
        signals.off('SIGHUP', again);
      };
      again();
    },
    listening: () => undefined,
    failed: () => Promise.resolve(),
    // Servers of a file are started by somebody else.
    wake: () => undefined,
    close: () => {
      closed = true;
      stopWatching();
    },
  };
}
