import type { CompletionLogprobs } from '@qwenfleet/core/openai/response';
import type { AnswerLogprob } from '../text/answer-reader.ts';

const whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** For one answer: the log-probabilities of each choice as they come. Null for everything when nobody asked. */
export function legacyLogprobs(
  asked: number | null | undefined,
): (choice: number, entries: readonly AnswerLogprob[]) => CompletionLogprobs {
  const choices = new Map<number, LegacyLogprobs>();
  return (choice, entries) => {
    if (asked === null || asked === undefined) return null;
    const legacy = choices.get(choice) ?? new LegacyLogprobs();
    choices.set(choice, legacy);
    return legacy.push(entries);
  };
}

/** The older form of log-probabilities, of POST /v1/completions: parallel lists, and where each token's text begins. */
class LegacyLogprobs {
  /** Tokens may be halves of characters: the text's length is known only of what is whole. */
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #offset = 0;

  push(entries: readonly AnswerLogprob[]): NonNullable<CompletionLogprobs> {
    return {
      tokens: entries.map(({ bytes }) => nameOf(bytes)),
      token_logprobs: entries.map(({ logprob }) => logprob),
      top_logprobs: entries.map(({ logprob, top_logprobs: top }) =>
        logprob === null ? null : Object.fromEntries(top.map((each) => [nameOf(each.bytes), each.logprob])),
      ),
      text_offset: entries.map(({ bytes }) => {
        const at = this.#offset;
        this.#offset += this.#decoder.decode(Uint8Array.from(bytes), { stream: true }).length;
        return at;
      }),
    };
  }
}

/** Half a character is written as its bytes, as OpenAI writes it: `bytes:\xe4\xb8`. Otherwise halves would be all the same. */
function nameOf(bytes: readonly number[]): string {
  try {
    return whole.decode(Uint8Array.from(bytes));
  } catch {
    return `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}
