import { encodedWhole, type ServedModel } from './served-model.ts';

/** One token through the engine, or one vector through the encoder: what a health check can trust. */
export async function probe(model: ServedModel, signal: AbortSignal = new AbortController().signal): Promise<void> {
  if (model.task === 'embed') {
    await model.engine.encode({ inputs: [encodedWhole(model, 'probe')], internal: true, signal });
    return;
  }
  const request = {
    id: 'probe',
    promptTokens: model.tokenizer.encode('probe', false),
    sampling: {
      ...model.sampling,
      temperature: 0,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: new Map(),
      seed: 0,
    },
    maxTokens: 1,
    // An engine is not sick because somebody goes first.
    priority: Number.MIN_SAFE_INTEGER,
    stopTokens: new Set<number>(),
    internal: true,
    signal,
  };
  for await (const _ of model.engine.generate(request));
}
