import { describe, expect, it } from 'vitest';
import { eventsOf, serve, type ServeOptions } from '../fixtures/served.ts';

type Logprobs = {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
} | null;
type Choice = { index: number; text: string; logprobs: Logprobs; finish_reason: string | null };
type Completion = {
  object: string;
  id: string;
  choices: Choice[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
};

const path = '/v1/completions';
const body = (fields: object): object => ({ model: 'tiny', prompt: 'once upon', max_tokens: 8, ...fields });

async function whole(fields: object = {}, options: ServeOptions = {}): Promise<Completion> {
  const { send } = await serve(options);
  const response = await send(path, body(fields));
  expect(response.status).toBe(200);
  return (await response.json()) as Completion;
}

async function streamed(fields: object = {}, options: ServeOptions = {}): Promise<Completion[]> {
  const { send } = await serve(options);
  return (await eventsOf(await send(path, body({ ...fields, stream: true })))) as unknown as Completion[];
}

const choicesOf = (chunks: readonly Completion[], index = 0): Choice[] =>
  chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
const textOf = (choices: readonly Choice[]): string => choices.map(({ text }) => text).join('');

async function refusal(
  fields: object,
): Promise<{ code: string; message: string; param: string | null; status: number }> {
  const { send } = await serve();
  const response = await send(path, body(fields));
  const { error } = (await response.json()) as { error: { code: string; message: string; param: string | null } };
  return { ...error, status: response.status };
}

describe('a completion', () => {
  it('is sixteen tokens unless it is said otherwise, as OpenAI has it', async () => {
    expect((await whole({ max_tokens: undefined, logit_bias: { 27: -100 } })).usage?.completion_tokens).toBe(16);
  });

  it('goes on from tokens as from their text', async () => {
    const [fromText, fromTokens] = await Promise.all([whole({ prompt: 'abc' }), whole({ prompt: [0, 1, 2] })]);
    expect(fromTokens.choices).toEqual(fromText.choices);
    expect(fromTokens.usage?.prompt_tokens).toBe(3);
  });

  it('takes a list of one text', async () => {
    expect((await whole({ prompt: ['abc'] })).choices).toEqual((await whole({ prompt: 'abc' })).choices);
  });

  it.each<[string, object, string, string, RegExp]>([
    ['several texts', { prompt: ['a', 'b'] }, 'unsupported', 'prompt', /one text per request, got 2/],
    ['a token beyond the vocabulary', { prompt: [1, 28] }, 'invalid_request', 'prompt', /28/],
    ['nothing to go on from', { prompt: '' }, 'invalid_request', 'prompt', /no text/],
    ['a suffix', { suffix: 'end' }, 'unsupported', 'suffix', /suffix/],
    ['a prompt beyond the context', { prompt: 'a'.repeat(400) }, 'context_length_exceeded', 'prompt', /400.*200/],
  ])('with %s is refused by name', async (_name, fields, code, param, words) => {
    const error = await refusal(fields);
    expect(error).toMatchObject({ status: 400, code, param });
    expect(error.message).toMatch(words);
  });

  it('has choices, streamed as they are whole', async () => {
    const fields = { n: 3, temperature: 1, seed: 8 };
    const { choices } = await whole(fields);
    const chunks = await streamed(fields);
    for (const { index, text, finish_reason: reason } of choices) {
      const own = choicesOf(chunks, index);
      expect(textOf(own)).toBe(text);
      expect(own.flatMap(({ finish_reason: each }) => each ?? [])).toEqual([reason]);
    }
    expect(new Set(choices.map(({ text }) => text)).size).toBeGreaterThan(1);
  });

  it('tells what it used at the end of a stream, when it is asked for', async () => {
    const chunks = await streamed({ stream_options: { include_usage: true } });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 9 } });
    for (const { usage } of chunks.slice(0, -1)) expect(usage).toBeNull();
  });
});

describe('an echo', () => {
  it('is the prompt before the answer, whole and streamed', async () => {
    const plain = await whole();
    const echoed = await whole({ echo: true });
    expect(echoed.choices[0]?.text).toBe(`once upon${plain.choices[0]?.text}`);
    expect(echoed.usage).toEqual(plain.usage);
    expect(textOf(choicesOf(await streamed({ echo: true })))).toBe(echoed.choices[0]?.text);
  });

  it('is before each choice', async () => {
    const { choices } = await whole({ echo: true, n: 3, temperature: 1 });
    for (const { text } of choices) expect(text.startsWith('once upon')).toBe(true);
  });

  it('is not where a stop string is looked for', async () => {
    expect((await whole({ echo: true, stop: 'upon' })).choices[0]?.text).toMatch(/^once upon/);
  });

  it('has the log-probabilities of the prompt too, the first of which is none', async () => {
    const [choice] = (await whole({ echo: true, logprobs: 3, max_tokens: 4 })).choices;
    const {
      tokens = [],
      token_logprobs: own = [],
      top_logprobs: top = [],
      text_offset: offsets = [],
    } = choice?.logprobs ?? {};
    expect(tokens.join('')).toBe(choice?.text);
    expect(offsets).toEqual([...Array(13).keys()]);
    expect([own[0], top[0]]).toEqual([null, null]);
    own.slice(1).forEach((logprob, at) => {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(Object.keys(top[at + 1] ?? {})).toHaveLength(3);
    });
  });

  it('streamed has the same log-probabilities', async () => {
    const fields = { echo: true, logprobs: 2, max_tokens: 4 };
    const [choice] = (await whole(fields)).choices;
    const parts = choicesOf(await streamed(fields)).flatMap(({ logprobs }) => logprobs ?? []);
    expect(parts.flatMap(({ tokens }) => tokens)).toEqual(choice?.logprobs?.tokens);
    expect(parts.flatMap(({ token_logprobs: own }) => own)).toEqual(choice?.logprobs?.token_logprobs);
    expect(parts.flatMap(({ text_offset: offsets }) => offsets)).toEqual(choice?.logprobs?.text_offset);
  });

  it('scores a text as drawing it did', async () => {
    const [drawn] = (await whole({ logprobs: 0, max_tokens: 6, logit_bias: { 27: -100 } })).choices;
    const [scored] = (await whole({ prompt: `once upon${drawn?.text}`, echo: true, logprobs: 0, max_tokens: 1 }))
      .choices;
    expect(scored?.logprobs?.token_logprobs.slice(9, 15)).toEqual(drawn?.logprobs?.token_logprobs);
  });
});

describe('log-probabilities of a completion', () => {
  it('are as many alternatives as were asked for, and null when nobody asked', async () => {
    const [choice] = (await whole({ logprobs: 5 })).choices;
    for (const each of choice?.logprobs?.top_logprobs ?? []) expect(Object.keys(each ?? {})).toHaveLength(5);
    expect((await whole()).choices[0]?.logprobs).toBeNull();
  });

  it('end where a stop string cut the text', async () => {
    const text = (await whole()).choices[0]?.text ?? '';
    const [choice] = (await whole({ logprobs: 1, stop: text.slice(3, 5) })).choices;
    expect(choice?.logprobs?.tokens.join('')).toBe(choice?.text);
  });
});
