import type { ChoiceLogprobs, FinishReason, TokenLogprob } from '@qwenfleet/core/openai/response';
import type { GeneratedToken, GenerationEnd } from '../engine/generation.ts';
import { Detokenizer } from './detokenizer.ts';
import { ReasoningSplit, type SplitText } from './reasoning.ts';
import { StopStrings } from './stop-strings.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { CalledFunction, ToolFormat } from './tools/format.ts';
import type { ToolOffer } from './tools/offer.ts';
import { ToolCallSplit, type SplitCalls } from './tools/split.ts';

/** A prompt's first token has no log-probability: nothing stands before it. */
export type AnswerLogprob = Omit<TokenLogprob, 'logprob'> & { logprob: number | null };
/** `calls`: functions that the model calls, each whole. */
export type AnswerPiece = SplitText & { calls: CalledFunction[]; logprobs: AnswerLogprob[] };

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
  /** Functions on offer, and how the model calls them; without them, calls are text like any other. */
  tools?: { offer: Pick<ToolOffer, 'functions' | 'parallel'>; format: ToolFormat };
  /** The prompt's tokens, when the answer is to begin with them. */
  echo?: readonly number[];
};

const nothing = { content: '', reasoning: '', calls: [] };
const isEmpty = ({ content, reasoning, calls }: Omit<AnswerPiece, 'logprobs'>): boolean =>
  content === '' && reasoning === '' && calls.length === 0;

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
  let cached = 0;
  try {
    if (echo.length > 0) yield reader.echo(echo);
    for (;;) {
      const next = await tokens.next();
      if (next.done) {
        const { reason, cachedTokens } = next.value;
        yield reader.last(reason === 'stop');
        return { ...reader.counts, promptTokens, finishReason: reader.finish(reason), cachedTokens };
      }
      cached = next.value.cachedTokens ?? cached;
      const { piece, stopped } = reader.push(next.value);
      if (stopped) {
        yield piece;
        return { ...reader.counts, promptTokens, finishReason: reader.finish('stop'), cachedTokens: cached };
      }
      if (!isEmpty(piece)) yield piece;
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
  readonly #calls: ToolCallSplit | undefined;
  readonly #oneCall: boolean;
  #called = false;
  /** Of tokens whose text has not been shown yet, with the place where it begins. */
  #waiting: { startsAt: number; logprob: AnswerLogprob }[] = [];
  /** Characters of the answer so far, and those that no stop string can take back. */
  #read = 0;
  #shown = 0;

  constructor({ tokenizer, stops, reasoning, tools }: AnswerOptions) {
    this.#tokenizer = tokenizer;
    this.#detokenizer = new Detokenizer(tokenizer);
    this.#stops = new StopStrings(stops);
    this.#split = reasoning && new ReasoningSplit(reasoning.thinks);
    this.#calls = tools && new ToolCallSplit(tools.format, tools.offer.functions);
    this.#oneCall = tools?.offer.parallel === false;
  }

  /** An answer that calls functions ends in the calls; one that was cut was cut. */
  finish(reason: GenerationEnd['reason']): FinishReason {
    return reason === 'stop' && this.#called ? 'tool_calls' : reason;
  }

  /** Stop strings are looked for in the answer only; a character may begin in the prompt and end in the answer. */
  echo(tokens: readonly number[]): AnswerPiece {
    return { ...nothing, content: tokens.map((token) => this.#detokenizer.push(token)).join(''), logprobs: [] };
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
    const piece = this.#piece(text, stopped ? 'stopped' : 'more');
    return { piece, stopped: stopped || (this.#oneCall && piece.calls.length > 0) };
  }

  /** @param whole the model ended the answer itself. */
  last(whole: boolean): AnswerPiece {
    const { text, stopped } = this.#stops.push(this.#detokenizer.end());
    return this.#piece(text + this.#stops.end(), stopped ? 'stopped' : whole ? 'ended' : 'cut');
  }

  #piece(text: string, state: 'more' | 'stopped' | 'ended' | 'cut'): AnswerPiece {
    this.#shown += text.length;
    const now = this.#split?.push(text) ?? { content: text, reasoning: '' };
    const rest = (state === 'more' ? undefined : this.#split?.end()) ?? nothing;
    const said = this.#withoutCalls(now.content + rest.content, state);
    const piece = { ...said, reasoning: now.reasoning + rest.reasoning };
    if (isEmpty(piece) && state === 'more') return { ...piece, logprobs: [] };
    const over = state === 'ended' || state === 'cut';
    const isShown = ({ startsAt }: { startsAt: number }): boolean => over || startsAt < this.#shown;
    const logprobs = this.#waiting.filter(isShown).map(({ logprob }) => logprob);
    this.#waiting = this.#waiting.filter((each) => !isShown(each));
    return { ...piece, logprobs };
  }

  #withoutCalls(text: string, state: 'more' | 'stopped' | 'ended' | 'cut'): SplitCalls {
    if (!this.#calls) return { content: text, calls: [] };
    const found = this.#calls.push(text);
    const last = state === 'more' ? undefined : this.#calls.end(state !== 'cut');
    const calls = [...found.calls, ...(last?.calls ?? [])].slice(0, this.#oneCall ? 1 : undefined);
    this.#called ||= calls.length > 0;
    return { content: found.content + (last?.content ?? ''), calls };
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
