import { readFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import type { KvCacheDtype } from '@qwenfleet/core/fleet/runtime-config';
import { readSourceConfig } from '@qwenfleet/runtime/config';
import { Engine } from '@qwenfleet/runtime/engine/engine';
import { collect, requestOf } from '@qwenfleet/runtime/fixtures/generation';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { pull } from '@qwenfleet/runtime/source/pull';
import { openTokenizer } from '@qwenfleet/runtime/text/hugging-face';
import { readTextFiles } from '@qwenfleet/runtime/text/model-files';
import type { Tokenizer } from '@qwenfleet/runtime/text/tokenizer';
import { root } from '../../house/imports.ts';
import { demoWeights } from '../../harness/small-pool.ts';

const passKey = '71432';
const needle = `\n\nThe pass key is ${passKey}. Remember it: ${passKey} is the pass key.\n\n`;
/** Where in the text it lies. */
const share = 0.5;
const answerTokens = 12;

export type NeedleFound = {
  /** Of the prompt. */
  tokens: number;
  found: boolean;
  answer: string;
  firstTokenMs: number;
};

/** Asks the demo's model for a number in the middle of a text that fills all of its context, answer included, or less. */
export async function findNeedle({
  cacheDir,
  kvCacheDtype,
  threads,
  chunkTokens,
  tokensMax,
}: {
  cacheDir: string;
  kvCacheDtype: KvCacheDtype;
  threads: number;
  chunkTokens: number;
  tokensMax: number;
}): Promise<NeedleFound> {
  const model = readModel(await pull(demoWeights, readSourceConfig(cacheDir)));
  const tokenizer = openTokenizer(readTextFiles(model));
  const slotTokens = Math.min(model.contextLength, tokensMax);
  const promptTokens = promptOf(tokenizer, slotTokens - answerTokens);
  const options = { slots: 1, slotTokens, threads, quantization: 'int8', kvCacheDtype, cacheDir } as const;
  const generator = await loadModel(model, options);
  if (generator.kind !== 'generator') throw new Error(`${demoWeights} is no generator`);
  const engine = new Engine({ generator, clock: systemClock, prefillChunkTokens: chunkTokens, queueMax: 0 });
  try {
    const request = requestOf(promptTokens, { maxTokens: answerTokens });
    const { tokens, end } = await collect(engine, request);
    const answer = Buffer.concat(tokens.map((token) => tokenizer.bytesOf(token))).toString();
    const { firstTokenMs } = end;
    return { tokens: promptTokens.length, found: answer.includes(passKey), answer, firstTokenMs };
  } finally {
    await engine.release();
  }
}

/** Exactly so many tokens: the English text of the repository, again and again, around the needle. */
function promptOf(tokenizer: Tokenizer, length: number): number[] {
  const english = tokenizer.encode(readFileSync(path.join(root, 'data/quality/english.txt'), 'utf8'), false);
  const head = tokenizer.encode('<|im_start|>user\nRead the text and remember the pass key in it.\n\n', true);
  const hidden = tokenizer.encode(needle, false);
  const question = '\n\nWhat is the pass key?<|im_end|>\n<|im_start|>assistant\nThe pass key is';
  const tail = tokenizer.encode(question, true);
  const room = length - head.length - hidden.length - tail.length;
  const hay = Array.from({ length: room }, (_, at) => english[at % english.length] ?? 0);
  const at = Math.floor(room * share);
  return [...head, ...hay.slice(0, at), ...hidden, ...hay.slice(at), ...tail];
}
