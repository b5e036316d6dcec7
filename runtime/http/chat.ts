import { FleetError } from '@qwenfleet/core/errors';
import type { ChatRequest } from '@qwenfleet/core/openai/request';
import { readAnswer } from '../text/answer-reader.ts';
import { afterThinking, callGuide } from '../text/answer-guide.ts';
import type { ChatTemplate } from '../text/chat-template.ts';
import { guideOf, type Guide } from '../text/grammar/guide.ts';
import { offerOf, type ToolOffer } from '../text/tools/offer.ts';
import type { ServedGenerator } from '../served-model.ts';
import type { AnswerStep } from './gather.ts';
import { merge } from './merge.ts';
import { generationsOf, stopsOf } from './parameters.ts';
import type { Call } from './call.ts';

/** POST /v1/chat/completions: what is asked becomes generations, one for each choice. */
export function chatSteps(
  request: ChatRequest,
  model: ServedGenerator,
  call: Call,
): AsyncGenerator<AnswerStep, void, void> {
  if (!model.template) {
    throw new FleetError('unsupported', 'model: it has no chat template; it completes texts at POST /v1/completions.', {
      param: 'model',
    });
  }
  assertText(request);
  const offer = offerOf(request);
  const { template } = model;
  const prompt = template.prompt(request.messages, request.chat_template_kwargs ?? {}, offer && (request.tools ?? []));
  const guide = guideFor(request, offer, { template, begun: prompt.thinks });
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
    constraints: guide && model.grammars.constraints(guide),
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

/** What the answer has to be: JSON, a pattern, or calls; after the thoughts, where there are any. */
function guideFor(
  request: ChatRequest,
  offer: ToolOffer | undefined,
  { template, begun }: { template: ChatTemplate; begun: boolean },
): Guide | undefined {
  const asked = guideOf(request);
  const guide = offer ? callGuide(offer, template.toolFormat, asked) : asked;
  return guide && afterThinking(guide, { begun, possible: template.mayThink });
}

/** A picture that is left out in silence gets an answer about nothing. */
function assertText({ messages }: ChatRequest): void {
  for (const [at, { content }] of messages.entries()) {
    const parts = Array.isArray(content) ? content : [];
    const stranger = parts.findIndex((part) => part.type !== 'refusal' && typeof part['text'] !== 'string');
    if (stranger === -1) continue;
    const param = `messages[${at}].content[${stranger}]`;
    const type = parts[stranger]?.type.slice(0, 40);
    throw new FleetError(
      'unsupported',
      `${param}: this model reads text, no images or sounds; got "${type}". Send text.`,
      {
        param,
      },
    );
  }
}
