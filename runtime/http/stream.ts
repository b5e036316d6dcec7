import { asFleetError, toOpenAiError } from '@qwenfleet/core/errors';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';

/**
 * Chunks as a server-sent stream. The first chunk is waited for, so that a request that fails before it still gets the
 * right status; a failure after it becomes an error chunk, which OpenAI's clients understand.
 */
export async function streamChunks(
  chunks: AsyncGenerator<unknown, void, void>,
  onCancel: () => void,
): Promise<Response> {
  const first = await chunks.next();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(first.done ? sseDone : encodeSse(first.value)));
        if (first.done) controller.close();
      },
      async pull(controller) {
        const last = (text: string): void => {
          controller.enqueue(encoder.encode(text));
          controller.close();
        };
        try {
          const next = await chunks.next();
          if (next.done) last(sseDone);
          else controller.enqueue(encoder.encode(encodeSse(next.value)));
        } catch (error) {
          last(encodeSse(toOpenAiError(asFleetError(error))) + sseDone);
        }
      },
      async cancel() {
        onCancel();
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    },
  });
}
