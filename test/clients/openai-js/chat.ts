import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { citySchema, play, rejection, unique, user, type Behaviour } from '../behaviour.ts';
import { clientOf } from './client.ts';

const short = { messages: [user('Hello, how are you?')], max_tokens: 12, temperature: 0 };

export const chat: readonly Behaviour[] = [
  {
    name: 'a chat answers with a role, a text and why it ended',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const answer = await clientOf(stand).chat.completions.create({ model, ...short });
      assert.equal(answer.object, 'chat.completion');
      assert.equal(answer.choices.length, 1);
      assert.equal(answer.choices[0]?.message.role, 'assistant');
      assert.equal(typeof answer.choices[0].message.content, 'string');
      assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
    },
  },
  {
    name: 'usage adds up',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const { usage } = await clientOf(stand).chat.completions.create({ model, ...short });
      assert.ok(usage && usage.prompt_tokens > 0 && usage.completion_tokens > 0);
      assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
      assert.ok(usage.completion_tokens <= 12);
    },
  },
  {
    name: 'usage tells cached and reasoning tokens',
    needs: ['script'],
    run: async (stand) => {
      const { usage } = await clientOf(stand).chat.completions.create({
        model: stand.script,
        messages: [play('hello')],
      });
      assert.equal(usage?.prompt_tokens_details?.cached_tokens, 4);
      assert.equal(usage.completion_tokens_details?.reasoning_tokens, 2);
    },
  },
  {
    name: 'max_tokens and max_completion_tokens cut the answer, and it says so',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const create = clientOf(stand).chat.completions;
      const { max_tokens: _max, ...rest } = short;
      for (const limit of [{ max_tokens: 3 }, { max_completion_tokens: 3 }]) {
        const { choices, usage } = await create.create({ model, ...rest, ...limit });
        assert.equal(choices[0]?.finish_reason, 'length');
        assert.equal(usage?.completion_tokens, 3);
      }
    },
  },
  {
    name: 'n gives as many choices, each with its index',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const { choices } = await clientOf(stand).chat.completions.create({ model, ...short, n: 3, temperature: 1 });
      assert.deepEqual(
        choices.map(({ index }) => index),
        [0, 1, 2],
      );
    },
  },
  {
    name: 'the same seed gives the same answer',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const ask = () => clientOf(stand).chat.completions.create({ model, ...short, temperature: 1, seed: 7 });
      assert.deepEqual((await ask()).choices, (await ask()).choices);
    },
  },
  {
    name: 'a stop string ends the answer and is not in it',
    needs: ['model'],
    run: async (stand) => {
      // A schema, because a model of random weights says nothing that can be named.
      const response_format = {
        type: 'json_schema' as const,
        json_schema: { name: 'city', strict: true, schema: citySchema },
      };
      const ask = (stop: string | string[] | null) =>
        clientOf(stand).chat.completions.create({
          model: stand.model,
          ...short,
          max_tokens: 150,
          response_format,
          stop,
        });
      const content = (await ask(null)).choices[0]?.message.content ?? '';
      assert.match(content, /"large"/);
      for (const stop of ['large', ['never said', 'large']]) {
        const { choices } = await ask(stop);
        assert.equal(choices[0]?.message.content, content.slice(0, content.indexOf('large')));
        assert.equal(choices[0].finish_reason, 'stop');
      }
    },
  },
  {
    name: 'logprobs come with bytes and alternatives',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const { choices } = await clientOf(stand).chat.completions.create({
        model,
        ...short,
        logprobs: true,
        top_logprobs: 3,
      });
      const tokens = choices[0]?.logprobs?.content ?? [];
      assert.ok(tokens.length > 0);
      for (const { logprob, bytes, top_logprobs: top } of tokens) {
        assert.ok(logprob <= 0 && bytes !== null && top.length === 3);
        assert.ok(top.every((each, at) => at === 0 || each.logprob <= (top[at - 1]?.logprob ?? 0)));
      }
    },
  },
  {
    name: 'without asking there are no logprobs',
    needs: ['model'],
    run: async (stand) => {
      const { choices } = await clientOf(stand).chat.completions.create({ model: stand.model, ...short });
      assert.equal(choices[0]?.logprobs ?? null, null);
    },
  },
  {
    name: 'a developer’s message counts as the system’s, and text parts as one text',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const ask = async (messages: OpenAI.ChatCompletionMessageParam[]): Promise<number | undefined> =>
        (await clientOf(stand).chat.completions.create({ model, ...short, messages })).usage?.prompt_tokens;
      const plain = await ask([{ role: 'system', content: 'Be brief.' }, user('Hello you')]);
      const parts = (...texts: string[]) => texts.map((each) => ({ type: 'text' as const, text: each }));
      assert.equal(await ask([{ role: 'developer', content: 'Be brief.' }, user('Hello you')]), plain);
      assert.equal(
        await ask([
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: parts('Hello', ' you') },
        ]),
        plain,
      );
    },
  },
  {
    name: 'parameters that nobody knows do no harm',
    needs: ['model'],
    run: async (stand) => {
      const request = { model: stand.model, ...short, speculative_mood: 'high', service_tier: 'auto' as const };
      const { choices } = await clientOf(stand).chat.completions.create({
        ...request,
        user: 'somebody',
        metadata: { a: 'b' },
      });
      assert.equal(choices.length, 1);
    },
  },
  {
    name: 'parameters of the model’s server reach it as they were sent',
    needs: ['script'],
    run: async (stand) => {
      const extra = { top_k: 7, repetition_penalty: 1.25, chat_template_kwargs: { enable_thinking: false } };
      const request = { model: stand.script, messages: [play('echo')], temperature: 0.3, seed: 12, ...extra };
      const { choices } = await clientOf(stand).chat.completions.create(request);
      const { model: _theirs, ...arrived } = JSON.parse(choices[0]?.message.content ?? '') as Record<string, unknown>;
      const { model: _ours, ...sent } = request;
      for (const [name, value] of Object.entries(sent)) assert.deepEqual(arrived[name], value, name);
    },
  },
  {
    name: 'a conversation with tools in it reaches the server as it was',
    needs: ['script'],
    run: async (stand) => {
      const messages: OpenAI.ChatCompletionMessageParam[] = [
        { role: 'system', content: 'Be brief.' },
        user('What is the weather?'),
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'call_9', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Ulm"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_9', content: 'rain' },
        play('echo'),
      ];
      const { choices } = await clientOf(stand).chat.completions.create({ model: stand.script, messages });
      const arrived = JSON.parse(choices[0]?.message.content ?? '') as { messages: unknown };
      assert.deepEqual(arrived.messages, messages);
    },
  },
  {
    name: 'a prompt of 200,000 characters arrives whole',
    needs: ['script'],
    run: async (stand) => {
      const long = 'Zürich, '.repeat(25_000).trim();
      const { choices } = await clientOf(stand).chat.completions.create({
        model: stand.script,
        messages: [play('length', long)],
      });
      assert.equal(choices[0]?.message.content, String(long.length));
    },
  },
  {
    name: 'emoji and scripts of the world go through, both ways',
    needs: ['script'],
    run: async (stand) => {
      const words = 'naïve 你好 👩🏽‍🚀 \u{1F1E8}\u{1F1ED} \\ " \u2028 ';
      const messages = [user(words), play('echo')];
      const { choices } = await clientOf(stand).chat.completions.create({ model: stand.script, messages });
      const arrived = JSON.parse(choices[0]?.message.content ?? '') as { messages: { content: string }[] };
      assert.equal(arrived.messages[0]?.content, words);
    },
  },
  {
    name: 'thoughts come as a field of their own',
    needs: ['script'],
    run: async (stand) => {
      const { choices } = await clientOf(stand).chat.completions.create({
        model: stand.script,
        messages: [play('thinking')],
        reasoning_effort: 'low',
      });
      assert.equal(choices[0]?.message.content, 'Four.');
      assert.equal(Reflect.get(choices[0].message, 'reasoning_content'), 'Let me see.');
    },
  },
  {
    name: 'a refusal is told from an answer',
    needs: ['script'],
    run: async (stand) => {
      const { choices } = await clientOf(stand).chat.completions.create({
        model: stand.script,
        messages: [play('refusal')],
      });
      assert.equal(choices[0]?.message.refusal, 'I will not.');
      assert.equal(choices[0].message.content, null);
    },
  },
  {
    name: 'a picture for a model that sees none is refused, and not left out in silence',
    needs: ['model'],
    run: async (stand) => {
      const picture = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
      const content = [{ type: 'text' as const, text: 'What is this?' }, picture];
      const error = await rejection(
        clientOf(stand).chat.completions.create({ model: stand.model, messages: [{ role: 'user', content }] }),
        OpenAI.BadRequestError,
      );
      assert.match(error.message, /image/i);
    },
  },
  {
    name: 'a text is completed, whole and streamed the same',
    needs: ['model'],
    run: async (stand) => {
      const request = { model: stand.model, prompt: 'Once upon a time', max_tokens: 10, temperature: 0 };
      const whole = await clientOf(stand).completions.create(request);
      let streamed = '';
      for await (const { choices } of await clientOf(stand).completions.create({ ...request, stream: true }))
        streamed += choices[0]?.text ?? '';
      assert.equal(streamed, whole.choices[0]?.text);
      assert.ok((whole.usage?.completion_tokens ?? 0) > 0);
    },
  },
  {
    name: 'a request has an id, which the client may choose, and its answer says the same',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('hello')] };
      const drawn = await clientOf(stand).chat.completions.create(request);
      assert.ok(drawn._request_id);
      const chosen = `test-${unique()}`;
      const { response, request_id: told } = await clientOf(stand)
        .chat.completions.create(request, { headers: { 'x-request-id': chosen } })
        .withResponse();
      assert.equal(told, chosen);
      assert.equal(response.headers.get('x-request-id'), chosen);
    },
  },
  {
    name: 'raw headers are there for who wants them',
    needs: ['script'],
    run: async (stand) => {
      const response = await clientOf(stand)
        .chat.completions.create({ model: stand.script, messages: [play('hello')] })
        .asResponse();
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
      assert.ok(response.headers.get('x-request-id'));
      const streamed = await clientOf(stand)
        .chat.completions.create({ model: stand.script, messages: [play('hello')], stream: true })
        .asResponse();
      assert.match(streamed.headers.get('content-type') ?? '', /^text\/event-stream/);
      assert.match(await streamed.text(), /data: \[DONE\]\n\n$/);
    },
  },
];
