import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { SseDecoder } from '@qwenfleet/core/openai/sse';
import { rejection } from '../fixtures/generation.ts';
import { streamChunks } from './stream.ts';

type State = { given: number; closed: boolean; cancelled: number };

/** Chunks, then an error when there is one. */
function chunksOf(values: readonly unknown[], error?: Error) {
  const state: State = { given: 0, closed: false, cancelled: 0 };
  async function* generate(): AsyncGenerator<unknown, void, void> {
    try {
      for (const value of values) {
        state.given += 1;
        yield value;
      }
      if (error) throw error;
    } finally {
      state.closed = true;
    }
  }
  return { state, respond: (): Promise<Response> => streamChunks(generate(), () => (state.cancelled += 1)) };
}

async function read(response: Response): Promise<string[]> {
  const decoder = new SseDecoder();
  const events = decoder.push(new Uint8Array(await response.arrayBuffer()));
  expect(decoder.partial).toBe(false);
  return [...events, ...decoder.end()].map(({ data }) => data);
}

describe('a stream of chunks', () => {
  it('arrives as it was sent, whatever is in it, and ends with [DONE]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue({ maxDepth: 3 }), { minLength: 1, maxLength: 12 }), async (values) => {
        const sent = values.map((value) => JSON.stringify(value));
        const events = await read(await chunksOf(values).respond());
        expect(events).toEqual([...sent, '[DONE]']);
      }),
      { numRuns: 150, seed: 13 },
    );
  });

  it.each(['a\n\nb', '\r\n', 'data: [DONE]\n\n', '\u2028\u2029', '\u{FEFF}', '\u0000', ': comment'])(
    'cannot be broken by a text: %j',
    async (content) => {
      const [first, last] = await read(await chunksOf([{ content }]).respond());
      expect(JSON.parse(first ?? '')).toEqual({ content });
      expect(last).toBe('[DONE]');
    },
  );

  it('says what it is, and that nobody may keep or gather it', async () => {
    const { headers, status } = await chunksOf([1]).respond();
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('x-accel-buffering')).toBe('no');
  });

  it('of nothing still ends', async () => {
    expect(await read(await chunksOf([]).respond())).toEqual(['[DONE]']);
  });

  it('that fails before its first chunk has no status 200', async () => {
    const { respond, state } = chunksOf([], new FleetError('queue_full', 'Too many wait.'));
    expect(await rejection(respond())).toMatchObject({ code: 'queue_full' });
    expect(state.closed).toBe(true);
  });

  it('that fails on its way ends with an error object and [DONE]', async () => {
    const { respond } = chunksOf([{ a: 1 }], new FleetError('engine_failed', 'A step failed.'));
    const [, error, last] = await read(await respond());
    expect(JSON.parse(error ?? '')).toEqual({
      error: { message: 'A step failed.', type: 'server_error', param: null, code: 'engine_failed' },
    });
    expect(last).toBe('[DONE]');
  });

  it('says nothing of our internals when something unforeseen fails', async () => {
    const text = await (await chunksOf([1], new Error('/secret/path: EACCES')).respond()).text();
    expect(text).not.toContain('secret');
    expect(text).toContain('"code":"internal"');
  });

  it('is made as it is read, and not ahead', async () => {
    const { respond, state } = chunksOf(Array.from({ length: 1_000 }, (_, index) => index));
    const reader = (await respond()).body?.getReader();
    for (let chunk = 0; chunk < 5; chunk += 1) await reader?.read();
    expect(state.given).toBeLessThanOrEqual(7);
    await reader?.cancel();
  });

  it('whose reader leaves cancels, and closes what makes it', async () => {
    const { respond, state } = chunksOf([1, 2, 3]);
    const reader = (await respond()).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(state).toMatchObject({ closed: true, cancelled: 1 });
    expect(state.given).toBeLessThan(3);
  });
});
