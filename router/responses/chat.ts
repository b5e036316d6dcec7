import { z } from 'zod';
import type { ResponsesRequest } from './request.ts';
import { callItem, messageItem, reasoningItem, responseObject, statusOf, type OutputItem } from './response.ts';

const head = { id: z.string().default(''), created: z.number().default(0), model: z.string().default('') };
const usageSchema = z.looseObject({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number() }).optional().catch(undefined),
  completion_tokens_details: z.object({ reasoning_tokens: z.number() }).optional().catch(undefined),
});
/** Servers call it by either name. */
const reasoning = { reasoning_content: z.string().nullish(), reasoning: z.string().nullish() };

/** What is read of a chat's answer, whoever wrote it. */
const chatSchema = z.looseObject({
  ...head,
  choices: z
    .array(
      z.looseObject({
        finish_reason: z.string().nullish(),
        message: z.looseObject({
          ...reasoning,
          content: z.string().nullish(),
          tool_calls: z
            .array(
              z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) }),
            )
            .nullish(),
        }),
      }),
    )
    .min(1),
  usage: usageSchema.nullish(),
});

/** One chunk of a chat's stream. */
export const chatChunkSchema = z.looseObject({
  ...head,
  choices: z
    .array(
      z.looseObject({
        finish_reason: z.string().nullish(),
        delta: z
          .looseObject({
            ...reasoning,
            content: z.string().nullish(),
            tool_calls: z
              .array(
                z.looseObject({
                  index: z.number(),
                  id: z.string().nullish(),
                  function: z.looseObject({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
                }),
              )
              .nullish(),
          })
          .nullish(),
      }),
    )
    .default([]),
  usage: usageSchema.nullish(),
  error: z.looseObject({ message: z.string(), code: z.unknown(), type: z.unknown(), param: z.unknown() }).optional(),
});
export type ChatChunk = z.infer<typeof chatChunkSchema>;

/** A chat's whole answer as a response; undefined when it is no chat's answer. */
export function fromChat(request: ResponsesRequest, json: unknown): Record<string, unknown> | undefined {
  const parsed = chatSchema.safeParse(json);
  const [choice] = parsed.data?.choices ?? [];
  if (!parsed.success || !choice) return undefined;
  const { message, finish_reason: finish } = choice;
  const { id, usage } = parsed.data;
  const thought = message.reasoning_content ?? message.reasoning ?? '';
  const calls = message.tool_calls ?? [];
  const output: OutputItem[] = [
    ...(thought === '' ? [] : [reasoningItem(`rs_${id}`, thought)]),
    ...(message.content || calls.length === 0 ? [messageItem(`msg_${id}`, message.content ?? '')] : []),
    ...calls.map((call, index) => callItem(`fc_${id}_${index}`, { ...call.function, id: call.id })),
  ];
  return responseObject(request, {
    head: parsed.data,
    status: statusOf(finish),
    output,
    finish: finish ?? null,
    usage,
  });
}
