import type { Clock } from '@qwenfleet/core/clock';
import { asFleetError, toOpenAiError } from '@qwenfleet/core/errors';
import { encodeSse, encodeSseComment, sseDone } from '@qwenfleet/core/openai/sse';
import type { HeaderReader } from '../policy/canary/arms.ts';

/** A client that waits behind something which cuts silent connections sends this with the value `comments`. */
const header = 'x-qwenfleet-keep-alive';

export type KeepAlive = { stream: boolean; header: HeaderReader; clock: Clock; everyMs: number };

/**
 * The answer; or, to a stream that asks for it and has to wait, comments until the answer comes. A comment is sent under
 * the status 200, so a failure after one is an error in the stream, and what was decided is in no header.
 */
export async function keptAlive(pending: Promise<Response>, given: KeepAlive): Promise<Response> {
  if (!given.stream || given.header(header)?.toLowerCase() !== 'comments') return pending;
  const soon = await within(pending, given);
  if (soon) return soon;
  return new Response(ReadableStream.from(pieces(pending, given)), {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' },
  });
}

async function* pieces(pending: Promise<Response>, given: KeepAlive): AsyncGenerator<Uint8Array, void> {
  let answered: Response | undefined;
  try {
    while (!answered) {
      yield comment;
      answered = await within(pending, given);
    }
    yield* contentOf(answered);
  } catch (thrown) {
    yield Buffer.from(encodeSse(toOpenAiError(asFleetError(thrown))) + sseDone);
  } finally {
    // A client that leaves while it waits ends the answer by its own signal; one that is there by then has to be let go.
    if (!answered) pending.then((late) => late.body?.cancel()).catch(() => undefined);
  }
}

const comment = Buffer.from(encodeSseComment('waiting'));

async function* contentOf(answered: Response): AsyncGenerator<Uint8Array, void> {
  if (answered.status === 200 && answered.body) yield* answered.body;
  else yield Buffer.from(encodeSse(await answered.json()) + sseDone);
}

/** Undefined when it has not come by then. */
async function within(pending: Promise<Response>, { clock, everyMs }: KeepAlive): Promise<Response | undefined> {
  const over = new AbortController();
  const late = clock.sleep(everyMs, over.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([pending, late]);
  } finally {
    over.abort();
  }
}
