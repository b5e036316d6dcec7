import { readSourceConfig } from '@qwenfleet/runtime/config';
import { pull } from '@qwenfleet/runtime/source/pull';
import type { Exit } from '../failure.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

export type ModelsPullOptions = { revision?: string | undefined; cacheDir: string; terminal: Terminal };

/** Brings weights to this machine; what is here already is not asked for again. Prints where they are. */
export async function modelsPull(uri: string, { revision, cacheDir, terminal }: ModelsPullOptions): Promise<Exit> {
  const progress = new Progress(terminal);
  try {
    const location = await pull(uri, {
      ...readSourceConfig(cacheDir),
      revision,
      onProgress: ({ name, doneBytes, totalBytes }) => progress.bytes(name, doneBytes, totalBytes),
    });
    progress.stop();
    if (terminal.json) terminal.printJson({ uri, path: location });
    else terminal.print(location);
    return 'ok';
  } finally {
    progress.stop();
  }
}
