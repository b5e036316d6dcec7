import { FleetError } from '@qwenfleet/core/errors';
import { SseDecoder } from '@qwenfleet/core/openai/sse';
import { chatChunkSchema, fromChat, type ChatChunk } from '../responses/chat.ts';
import { ResponseEvents } from '../responses/events.ts';
import type { ResponsesRequest } from '../responses/request.ts';

/** A chat's answer as POST /v1/responses gives it; errors are the same in both. */
export async function asResponses(request: ResponsesRequest, answered: Response): Promise<Response> {
  const { status, headers, body } = answered;
  if (status !== 200) return answered;
  if (request.stream === true && body) return new Response(eventsOf(request, body), { status, headers });
  const response = fromChat(request, await answered.json());
  if (response) return Response.json(response, { status, headers });
  throw new FleetError('upstream_failed', 'The pool’s answer is none of a chat.', { retryable: false });
}

/** Reads only as fast as the client does; leaving early ends the chat. */
function eventsOf(request: ResponsesRequest, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const decoder = new SseDecoder();
  const events = new ResponseEvents(request);
  const eventsFor = (bytes: Uint8Array): string =>
    decoder
      .push(bytes)
      .map(({ data }) => (data === '[DONE]' ? events.done() : events.push(chunkOf(data))))
      .join('');
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const next = await reader.read();
          if (next.done) return controller.close();
          const text = eventsFor(next.value);
          if (text !== '') return controller.enqueue(Buffer.from(text));
          // Of comments there is nothing to put into other words.
          if (next.value[0] === colon) return controller.enqueue(next.value);
        }
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );
}

const colon = 0x3a;

const noChunk = {
  message: 'The pool sent an event that is none of a chat.',
  type: 'server_error',
  code: 'upstream_failed',
  param: null,
};

/** A bad event ends the response in an error: to go on would be to leave something out. */
function chunkOf(data: string): ChatChunk {
  try {
    return chatChunkSchema.parse(JSON.parse(data));
  } catch {
    return { id: '', created: 0, model: '', choices: [], error: noChunk };
  }
}
