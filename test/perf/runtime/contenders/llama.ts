// node-llama-cpp, driven through its native context: one batch a step, without the JavaScript of its sequences.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { timed, tokensOf } from './contender.ts';
import { serve } from './serve.ts';

/** What is used of the package's own types. */
type Native = {
  initBatch: (size: number) => void;
  addToBatch: (sequence: number, first: number, tokens: Uint32Array, logitIndexes: Uint32Array) => Uint32Array;
  decodeBatch: () => Promise<void>;
  disposeSequence: (sequence: number) => void;
  removeTokenCellsFromSequence: (sequence: number, start: number, end: number) => boolean;
};
type Model = { createContext: (options: object) => Promise<{ _ctx: Native }> };
type Package = { getLlama: (options: object) => Promise<{ loadModel: (options: object) => Promise<Model> }> };

/** llama.cpp's own default for a prompt's part, and as long as ours. */
const chunkTokens = 512;

serve(async (settings) => {
  const { vocabularySize, pastTokens, threads, batchMax } = settings;
  const require = createRequire(path.join(settings.peers, 'package.json'));
  // The package's exports, as far as they are declared above.
  const { getLlama } = (await import(pathToFileURL(require.resolve('node-llama-cpp')).href)) as Package;
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    logLevel: 'error',
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath: settings.model });
  const context = async (sequences: number, contextSize: number): Promise<Native> => {
    const batchSize = Math.max(chunkTokens, sequences);
    const made = await model.createContext({
      sequences,
      contextSize,
      batchSize,
      threads: { ideal: threads, min: threads },
      flashAttention: true,
    });
    return made._ctx;
  };
  const fill = async (native: Native, sequence: number, tokens: readonly number[]): Promise<void> => {
    for (let at = 0; at < tokens.length; at += chunkTokens) {
      const part = Uint32Array.from(tokens.slice(at, at + chunkTokens));
      const wanted = at + part.length === tokens.length ? [part.length - 1] : [];
      native.initBatch(part.length);
      native.addToBatch(sequence, at, part, Uint32Array.from(wanted));
      await native.decodeBatch();
    }
  };
  const prompts = await context(1, settings.promptMax);
  const batches = batchMax === 0 ? prompts : await context(batchMax, pastTokens + settings.stepsMax);
  for (let sequence = 0; sequence < batchMax; sequence += 1)
    await fill(batches, sequence, tokensOf(pastTokens, sequence, vocabularySize));
  return {
    async decode(batch, steps) {
      const ms: number[] = [];
      for (let step = 0; step < steps; step += 1) {
        ms.push(
          await timed(async () => {
            batches.initBatch(batch);
            for (let sequence = 0; sequence < batch; sequence += 1) {
              const token = Uint32Array.from(tokensOf(1, sequence + step, vocabularySize));
              batches.addToBatch(sequence, pastTokens + step, token, Uint32Array.of(0));
            }
            await batches.decodeBatch();
          }),
        );
      }
      for (let sequence = 0; sequence < batch; sequence += 1)
        batches.removeTokenCellsFromSequence(sequence, pastTokens, -1);
      return ms;
    },
    async prefill(count) {
      const ms = await timed(() => fill(prompts, 0, tokensOf(count, 1, vocabularySize)));
      prompts.disposeSequence(0);
      return ms;
    },
  };
});
