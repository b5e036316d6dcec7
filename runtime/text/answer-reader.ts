import type { ChoiceLogprobs, FinishReason, TokenLogprob } from '@qwenfleet/core/openai/response';
import type { GeneratedToken, GenerationEnd } from '../engine/generation.ts';
import { Detokenizer } from './detokenizer.ts';
import { ReasoningSplit, type SplitText } from './reasoning.ts';
import { StopStrings } from './stop-strings.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A prompt's first token has no log-probability: nothing stands before it. */
export type AnswerLogprob = Omit<TokenLogprob, 'logprob'> & { logprob: number | null };
export type AnswerPiece = SplitText & { logprobs: AnswerLogprob[] };

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
  /** The prompt's tokens, when the answer is to begin with them. */
  echo?: readonly number[];
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
  const { promptTokens, echo = [] } = options;
  try {
    if (echo.length > 0) yield reader.echo(echo);
    for (;;) {
      const next = await tokens.next();
      if (next.done) {
        const { reason: finishReason, cachedTokens } = next.value;
        yield reader.last();
        return { ...reader.counts, promptTokens, finishReason, cachedTokens };
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
  /** Of tokens whose text has not been shown yet, with the place where it begins. */
  #waiting: { startsAt: number; logprob: AnswerLogprob }[] = [];
  /** Characters of the answer so far, and those that no stop string can take back. */
  #read = 0;
  #shown = 0;

  constructor({ tokenizer, stops, reasoning }: AnswerOptions) {
    this.#tokenizer = tokenizer;
    this.#detokenizer = new Detokenizer(tokenizer);
    this.#stops = new StopStrings(stops);
    this.#split = reasoning && new ReasoningSplit(reasoning.thinks);
  }

  /** Stop strings are looked for in the answer only; a character may begin in the prompt and end in the answer. */
  echo(tokens: readonly number[]): AnswerPiece {
    return { content: tokens.map((token) => this.#detokenizer.push(token)).join(''), reasoning: '', logprobs: [] };
  }

  push(token: GeneratedToken): { piece: AnswerPiece; stopped: boolean } {
    if (token.ofPrompt) {
      this.#waiting.push({ startsAt: -1, logprob: logprobOf(token, this.#tokenizer) });
      return { piece: { ...nothing, logprobs: [] }, stopped: false };
    }
    this.counts.completionTokens += 1;
    if (this.#split?.thinking === true) this.counts.reasoningTokens += 1;
    if (token.logprob !== undefined)
      this.#waiting.push({ startsAt: this.#read, logprob: logprobOf(token, this.#tokenizer) });
    const read = this.#detokenizer.push(token.token);
    this.#read += read.length;
    const { text, stopped } = this.#stops.push(read);
    return { piece: this.#piece(text, stopped ? 'stopped' : 'more'), stopped };
  }

  last(): AnswerPiece {
    const { text, stopped } = this.#stops.push(this.#detokenizer.end());
    return this.#piece(text + this.#stops.end(), stopped ? 'stopped' : 'ended');
  }

  #piece(text: string, state: 'more' | 'stopped' | 'ended'): AnswerPiece {
    this.#shown += text.length;
    const now = this.#split?.push(text) ?? { content: text, reasoning: '' };
    const rest = (state === 'more' ? undefined : this.#split?.end()) ?? nothing;
    const piece = { content: now.content + rest.content, reasoning: now.reasoning + rest.reasoning };
    if (piece.content === '' && piece.reasoning === '' && state === 'more') return { ...piece, logprobs: [] };
    const isShown = ({ startsAt }: { startsAt: number }): boolean => state === 'ended' || startsAt < this.#shown;
    const logprobs = this.#waiting.filter(isShown).map(({ logprob }) => logprob);
    this.#waiting = this.#waiting.filter((each) => !isShown(each));
    return { ...piece, logprobs };
  }
}

/** OpenAI's form of one token; `bytes` because a token may be half of a character. */
function logprobOf({ token, logprob, top = [] }: GeneratedToken, tokenizer: Tokenizer): AnswerLogprob {
  return {
    ...named(token, tokenizer),
    logprob: logprob ?? null,
    top_logprobs: top.map((other) => ({ ...named(other.token, tokenizer), logprob: other.logprob })),
  };
}

function named(token: number, tokenizer: Tokenizer): { token: string; bytes: number[] } {
  const bytes = tokenizer.bytesOf(token);
  return { token: new TextDecoder().decode(bytes), bytes: [...bytes] };
}

/** For a chunk or an answer; null when nobody asked. */
export const choiceLogprobs = (asked: boolean, content: readonly AnswerLogprob[]): ChoiceLogprobs =>
  asked ? { content: content.filter((each): each is TokenLogprob => each.logprob !== null) } : null;
