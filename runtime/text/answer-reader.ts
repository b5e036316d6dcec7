import type { ChoiceLogprobs, FinishReason, TokenLogprob } from '@qwenfleet/core/openai/response';
import type { GeneratedToken, GenerationEnd } from '../engine/generation.ts';
import { Detokenizer } from './detokenizer.ts';
import { ReasoningSplit, type SplitText } from './reasoning.ts';
import { StopStrings } from './stop-strings.ts';
import type { Tokenizer } from './tokenizer.ts';

export type AnswerPiece = SplitText & { logprobs: TokenLogprob[] };

export type AnswerEnd = {
  finishReason: FinishReason;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
};

export type AnswerOptions = {
  tokenizer: Tokenizer;
  stops: readonly string[];
  promptTokens: number;
  /** Undefined leaves `<think>` in the text, as completions of plain text have it. */
  reasoning: { thinks: boolean } | undefined;
};

const nothing = { content: '', reasoning: '' };

/**
 * Tokens as the engine gives them, as pieces of text that may be shown: whole characters, nothing of a stop string,
 * thoughts apart from the answer. A stop string ends the generation.
 */
export async function* readAnswer(
  tokens: AsyncGenerator<GeneratedToken, GenerationEnd, void>,
  options: AnswerOptions,
): AsyncGenerator<AnswerPiece, AnswerEnd, void> {
  const reader = new AnswerReader(options);
  const { promptTokens } = options;
  try {
    for (;;) {
      const next = await tokens.next();
      if (next.done) {
        yield reader.last();
        return {
          ...reader.counts,
          promptTokens,
          finishReason: next.value.reason,
          cachedTokens: next.value.cachedTokens,
        };
      }
      const { piece, stopped } = reader.push(next.value);
      if (stopped) {
        yield piece;
        return { ...reader.counts, promptTokens, finishReason: 'stop', cachedTokens: 0 };
      }
      if (piece.content !== '' || piece.reasoning !== '') yield piece;
    }
  } finally {
    await tokens.return(undefined as never);
  }
}

/** The text of one answer while it grows. */
class AnswerReader {
  readonly counts = { completionTokens: 0, reasoningTokens: 0 };
  readonly #tokenizer: Tokenizer;
  readonly #detokenizer: Detokenizer;
  readonly #stops: StopStrings;
  readonly #split: ReasoningSplit | undefined;
  /** Of tokens whose text has not been shown yet. */
  #logprobs: TokenLogprob[] = [];

  constructor({ tokenizer, stops, reasoning }: AnswerOptions) {
    this.#tokenizer = tokenizer;
    this.#detokenizer = new Detokenizer(tokenizer);
    this.#stops = new StopStrings(stops);
    this.#split = reasoning && new ReasoningSplit(reasoning.thinks);
  }

  push(token: GeneratedToken): { piece: AnswerPiece; stopped: boolean } {
    this.counts.completionTokens += 1;
    if (this.#split?.thinking === true) this.counts.reasoningTokens += 1;
    if (token.logprob !== undefined) this.#logprobs.push(logprobOf(token, this.#tokenizer));
    const { text, stopped } = this.#stops.push(this.#detokenizer.push(token.token));
    return { piece: this.#piece(text, stopped), stopped };
  }

  last(): AnswerPiece {
    return this.#piece(this.#stops.push(this.#detokenizer.end()).text + this.#stops.end(), true);
  }

  #piece(text: string, isLast: boolean): AnswerPiece {
    const now = this.#split?.push(text) ?? { content: text, reasoning: '' };
    const rest = (isLast ? this.#split?.end() : undefined) ?? nothing;
    const piece = { content: now.content + rest.content, reasoning: now.reasoning + rest.reasoning };
    if (piece.content === '' && piece.reasoning === '' && !isLast) return { ...piece, logprobs: [] };
    const logprobs = this.#logprobs;
    this.#logprobs = [];
    return { ...piece, logprobs };
  }
}

/** OpenAI's form of one token; `bytes` because a token may be half of a character. */
function logprobOf({ token, logprob = 0, top = [] }: GeneratedToken, tokenizer: Tokenizer): TokenLogprob {
  return {
    ...named(token, logprob, tokenizer),
    top_logprobs: top.map((other) => named(other.token, other.logprob, tokenizer)),
  };
}

function named(token: number, logprob: number, tokenizer: Tokenizer): Omit<TokenLogprob, 'top_logprobs'> {
  const bytes = tokenizer.bytesOf(token);
  return { token: new TextDecoder().decode(bytes), logprob, bytes: [...bytes] };
}

/** For a chunk or an answer; null when nobody asked. */
export const choiceLogprobs = (asked: boolean, content: TokenLogprob[]): ChoiceLogprobs => (asked ? { content } : null);
