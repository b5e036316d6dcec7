import { FleetError } from '@qwenfleet/core/errors';
import type { ChatRequest } from '@qwenfleet/core/openai/request';
import { readAnswer, type AnswerEnd, type AnswerPiece } from '../text/answer-reader.ts';
import { offerOf } from '../text/tools/offer.ts';
import type { ServedGenerator } from '../served-model.ts';
import { merge, type Merged } from './merge.ts';
import { generationsOf, stopsOf } from './parameters.ts';
import type { Call } from './call.ts';

export type ChatStep = Merged<AnswerPiece, AnswerEnd>;

/** POST /v1/chat/completions: what is asked becomes generations, one for each choice. */
export function chatSteps(
  request: ChatRequest,
  model: ServedGenerator,
  call: Call,
): AsyncGenerator<ChatStep, void, void> {
  refuseUnsupported(request);
  if (!model.template) {
    throw new FleetError('unsupported', 'model: it has no chat template; it completes texts at POST /v1/completions.', {
      param: 'model',
    });
  }
  const offer = offerOf(request);
  const { template } = model;
  const prompt = template.prompt(request.messages, request.chat_template_kwargs ?? {}, offer && (request.tools ?? []));
  const topLogprobs = request.logprobs === true ? (request.top_logprobs ?? 0) : undefined;
  const left = new AbortController();
  const generations = generationsOf({
    ...call,
    signal: AbortSignal.any([call.signal, left.signal]),
    request,
    model,
    promptTokens: prompt.tokens,
    promptParam: 'messages',
    topLogprobs,
    promptLogprobs: false,
  });
  const answers = generations.map((generation) =>
    readAnswer(model.engine.generate(generation), {
      tokenizer: model.tokenizer,
      stops: stopsOf(request),
      promptTokens: prompt.tokens.length,
      reasoning: { thinks: prompt.thinks },
      ...(offer ? { tools: { offer, format: template.toolFormat } } : {}),
    }),
  );
  return merge(answers, () => left.abort());
}

function refuseUnsupported(request: ChatRequest): void {
  const format = request.response_format?.type;
  const forced = request.tool_choice === 'required' || typeof request.tool_choice === 'object';
  const param = forced ? 'tool_choice' : format !== undefined && format !== 'text' ? 'response_format' : undefined;
  if (param === undefined) return;
  throw new FleetError('unsupported', `${param}: this engine does not support it. Send the request without it.`, {
    param,
  });
}
