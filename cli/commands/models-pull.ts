import { readSourceConfig } from '@qwenfleet/runtime/config';
import { pull } from '@qwenfleet/runtime/source/pull';
import { Failure, type Exit } from '../failure.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { watchInterrupts } from '../up/interrupts.ts';

export type ModelsPullOptions = { revision?: string | undefined; cacheDir: string; terminal: Terminal };

/** Brings weights to this machine; what is here already is not asked for again. Prints where they are. */
export async function modelsPull(uri: string, { revision, cacheDir, terminal }: ModelsPullOptions): Promise<Exit> {
  const progress = new Progress(terminal);
  const interrupts = watchInterrupts();
  interrupts.onAgain(() => {
    // Nobody hears it now, so it ends this process.
    interrupts.dispose();
    process.kill(process.pid, 'SIGINT');
  });
  try {
    const location = await pull(uri, {
      ...readSourceConfig(cacheDir),
      revision,
      signal: interrupts.asked,
      onProgress: ({ name, doneBytes, totalBytes }) => progress.bytes(name, doneBytes, totalBytes),
    });
    progress.stop();
    if (terminal.json) terminal.printJson({ uri, path: location });
    else terminal.print(location);
    return 'ok';
  } catch (error) {
    if (!interrupts.asked.aborted) throw error;
    throw new Failure('interrupted', 'Stopped before everything was here.', {
      remedy: 'The same command goes on with what is.',
      cause: error,
    });
  } finally {
    progress.stop();
    interrupts.dispose();
  }
}
