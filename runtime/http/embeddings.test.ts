import { describe, expect, it } from 'vitest';
import { systemClock } from '@qwenfleet/core/clock';
import { EncoderEngine } from '../engine/encoder-engine.ts';
import { fakeModel, letterTokenizer, metricOf, serve, type Served } from '../fixtures/served.ts';
import type { LoadedModel } from '../resident.ts';

/** What an input waits for. */
type Gate = () => Promise<unknown>;
const open: Gate = () => Promise.resolve();

/** A gate that is shut until it is opened. */
function shut(): { gate: Gate; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { gate: () => promise, open: resolve };
}

/** An encoder of vectors that tell their input: its length, its first token, a third. */
function encoderModel(gate: Gate, observer: object, dimensionsMin = 3): LoadedModel {
  const engine = new EncoderEngine({
    encoder: {
      kind: 'encoder',
      dimensions: 3,
      tokensMax: 20,
      memoryBytes: 10,
      encode: async (inputs) => {
        await gate();
        return inputs.map((input) => Float32Array.of(input.length, input[0] ?? -1, 1 / 3));
      },
      release: async () => undefined,
    },
    clock: systemClock,
    queueMax: 1,
    ...observer,
  });
  const shape = { layers: 1, hiddenSize: 3, heads: 1, vocabularySize: 28, contextLength: 20 };
  const identity = {
    uri: 'file:///e',
    digest: 'e',
    family: 'fake',
    task: 'embed',
    quantization: 'float32',
    shape,
  } as const;
  return {
    served: {
      task: 'embed',
      tokenizer: letterTokenizer,
      engine,
      contextLength: 20,
      endToken: undefined,
      dimensionsMin,
    },
    text: fakeModel().loaded.text,
    identity,
    memoryBytes: 10,
  };
}

const serveEncoder = (gate = open, dimensionsMin = 3): Promise<Served> =>
  serve({ load: async (_model, { observer }) => encoderModel(gate, observer, dimensionsMin) });

type Answer = {
  object: string;
  data: { object: string; index: number; embedding: number[] | string }[];
  usage: { prompt_tokens: number; total_tokens: number };
};
const path = '/v1/embeddings';

async function embed(fields: object, served = serveEncoder()): Promise<Answer> {
  const response = await (await served).send(path, { model: 'tiny', ...fields });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

describe('embeddings', () => {
  it.each<[string, unknown, number[][]]>([
    ['a text', 'abc', [[3, 0]]],
    [
      'texts',
      ['b', 'cd'],
      [
        [1, 1],
        [2, 2],
      ],
    ],
    ['tokens', [7, 8, 9], [[3, 7]]],
    [
      'lists of tokens',
      [[7], [8, 9]],
      [
        [1, 7],
        [2, 8],
      ],
    ],
  ])('of %s are one vector each, in order', async (_name, input, wanted) => {
    const { data, usage } = await embed({ input });
    expect(data.map(({ embedding }) => (embedding as number[]).slice(0, 2))).toEqual(wanted);
    expect(data.map(({ index, object }) => [index, object])).toEqual(wanted.map((_, index) => [index, 'embedding']));
    const tokens = wanted.reduce((sum, [length = 0]) => sum + length, 0);
    expect(usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
  });

  it('in base64 are little-endian floats, and the same ones', async () => {
    const [plain, encoded] = await Promise.all([
      embed({ input: 'ab' }),
      embed({ input: 'ab', encoding_format: 'base64' }),
    ]);
    const bytes = Buffer.from(encoded.data[0]?.embedding as string, 'base64');
    const floats = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
    expect(floats).toEqual(plain.data[0]?.embedding);
  });

  it('may be cut to fewer dimensions where the model is made for it, and have length one again', async () => {
    const served = serveEncoder(open, 2);
    const [vector] = (await embed({ input: 'abc', dimensions: 2 }, served)).data;
    expect(vector?.embedding).toEqual([1, 0]);
    for (const dimensions of [1, 4]) {
      const refused = await (await served).send(path, { model: 'tiny', input: 'a', dimensions });
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain('2 to 3');
    }
  });

  it('of as many dimensions as the model has may be asked for by number', async () => {
    expect((await embed({ input: 'a', dimensions: 3 })).data).toHaveLength(1);
  });

  it.each<[string, object, string, string, RegExp]>([
    ['other dimensions', { input: 'a', dimensions: 2 }, 'unsupported', 'dimensions', /has 3, got 2/],
    ['an empty text among others', { input: ['a', ''] }, 'invalid_request', 'input[1]', /empty/],
    [
      'a text that is too long',
      { input: ['a', 'b'.repeat(21)] },
      'context_length_exceeded',
      'input[1]',
      /21 tokens.*reads 20/,
    ],
    ['a token that there is not', { input: [[1], [28]] }, 'invalid_request', 'input[1]', /28/],
    ['no input', {}, 'invalid_request', 'input', /input/],
    ['a list of nothing', { input: [] }, 'invalid_request', 'input', /input/],
  ])('with %s are refused by name', async (_name, fields, code, param, words) => {
    const { send } = await serveEncoder();
    const response = await send(path, { model: 'tiny', ...fields });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { code: string; param: string; message: string } };
    expect(error).toMatchObject({ code, param });
    expect(error.message).toMatch(words);
  });

  it('are no chat', async () => {
    const { send } = await serveEncoder();
    const response = await send('/v1/chat/completions', { model: 'tiny', messages: [{ role: 'user', content: 'x' }] });
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported', param: 'model' } });
  });

  it('count in the report and in the metrics', async () => {
    const door = shut();
    const served = await serveEncoder(door.gate);
    const running = embed({ input: ['abc', 'de'] }, Promise.resolve(served));
    await expect.poll(() => served.service.report()).toMatchObject({ requests: 1, running: 1, slots: 1 });
    door.open();
    await running;
    expect(served.service.report()).toMatchObject({ requests: 0, running: 0, promptTokensTotal: 5 });
    expect(await metricOf(served, 'qwenfleet_runtime_tokens_total{type="prompt"}')).toBe(5);
    expect(await metricOf(served, 'qwenfleet_runtime_step_duration_seconds_count{kind="encode"}')).toBe(2);
  });

  it('beyond what may wait are refused with a time to come back', async () => {
    const door = shut();
    const served = await serveEncoder(door.gate);
    const running = [embed({ input: 'a' }, Promise.resolve(served)), embed({ input: 'a' }, Promise.resolve(served))];
    await expect.poll(() => served.service.report().queued).toBe(1);
    const response = await served.send(path, { model: 'tiny', input: 'a' });
    expect(response.status).toBe(429);
    expect(response.headers.get('x-should-retry')).toBe('true');
    door.open();
    await Promise.all(running);
  });

  it('stop when the client leaves', async () => {
    const served = await serveEncoder(() => systemClock.sleep(2));
    const left = new AbortController();
    const input = Array.from({ length: 1_000 }, () => 'a');
    const asked = served.send(path, { model: 'tiny', input }, { signal: left.signal });
    await expect.poll(() => served.service.report().running).toBe(1);
    left.abort();
    expect((await asked).status).toBe(499);
    await expect.poll(() => served.service.report()).toMatchObject({ running: 0, requests: 0 });
    expect(served.service.report().promptTokensTotal).toBeLessThan(900);
    expect(await metricOf(served, 'qwenfleet_runtime_requests_total{outcome="cancelled"}')).toBe(1);
  });

  it('are finished before the process ends', async () => {
    const door = shut();
    const served = await serveEncoder(door.gate);
    const running = embed({ input: ['a', 'b', 'c'] }, Promise.resolve(served));
    await expect.poll(() => served.service.report().running).toBe(1);
    const finished = served.service.finish();
    door.open();
    await finished;
    expect((await running).data).toHaveLength(3);
  });
});
