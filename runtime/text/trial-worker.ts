// A thread of trial.ts: runs a template and the patterns of a tokenizer once, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import type { FromTrial, Trial } from './trial.ts';

const { chatTemplate, tokenizer } = workerData as Trial;
const say = (said: FromTrial): void => parentPort?.postMessage(said);

const messages = ['system', 'user', 'assistant', 'user'].map((role) => ({ role, content: `A short text of ${role}.` }));

/** Every printable character many times over, and then another: what patterns that nest repetition cannot bear. */
const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
const texts = [...printable, '\n', '\u00E9', '\u4E2D'].map((character) => `${character.repeat(64)}\u0000${character}!`);

function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    // A text or a stack beyond all bounds. A template may refuse this conversation otherwise, and what cannot be read is
    // refused where it is opened.
    if (error instanceof RangeError) throw error;
  }
}

say({ phase: 'template' });
attempt(() => {
  if (chatTemplate === undefined) return;
  const text = new Template(chatTemplate).render({
    messages,
    add_generation_prompt: true,
    bos_token: '',
    eos_token: '',
  });
  say({ textLength: text.length });
});
say({ phase: 'tokenizer' });
attempt(() => {
  const library = new Tokenizer(tokenizer, {});
  for (const text of texts) attempt(() => library.encode(text, { add_special_tokens: false }));
});
