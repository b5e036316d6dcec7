import assert from 'node:assert/strict';
import type OpenAI from 'openai';
import { play, user, weather, type Behaviour } from '../behaviour.ts';
import { piecesOf } from '../reading.ts';
import { clientOf } from './client.ts';

const argumentsOf = (message: OpenAI.ChatCompletionMessage | undefined): unknown[] =>
  (message?.tool_calls ?? []).map((call) => call.type === 'function' && JSON.parse(call.function.arguments));
const tools = [weather];
const ask = { messages: [user('Weather?')], tools, max_tokens: 150, temperature: 0 };

export const toolCalls: readonly Behaviour[] = [
  {
    name: 'a call comes whole, with a name, arguments in JSON and its own finish reason',
    needs: ['script'],
    run: async (stand) => {
      const { choices } = await clientOf(stand).chat.completions.create({
        model: stand.script,
        messages: [play('call')],
        tools,
      });
      assert.equal(choices[0]?.finish_reason, 'tool_calls');
      assert.equal(choices[0].message.content, null);
      assert.deepEqual(argumentsOf(choices[0].message), [{ city: 'Bern' }]);
    },
  },
  {
    name: 'a streamed call is put together by the helper, and heard of as it comes',
    needs: ['script'],
    run: async (stand) => {
      const stream = clientOf(stand).chat.completions.stream({
        model: stand.script,
        messages: [play('call')],
        tools,
      });
      const heard: string[] = [];
      stream
        .on('tool_calls.function.arguments.delta', ({ arguments_delta: delta }) => heard.push(delta))
        .on('tool_calls.function.arguments.done', ({ name }) => heard.push(name));
      const last = await stream.finalChatCompletion();
      assert.equal(last.choices[0]?.finish_reason, 'tool_calls');
      assert.deepEqual(argumentsOf(last.choices[0].message), [{ city: 'Bern' }]);
      assert.deepEqual([heard.slice(0, -1).join(''), heard.at(-1)], ['{"city":"Bern"}', 'get_weather']);
    },
  },
  {
    name: 'several calls keep their order, whole and streamed',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('calls')], tools };
      const whole = await clientOf(stand).chat.completions.create(request);
      const streamed = await clientOf(stand).chat.completions.stream(request).finalChatCompletion();
      for (const { choices } of [whole, streamed]) {
        assert.deepEqual(argumentsOf(choices[0]?.message), [{ city: 'Bern' }, { city: 'Oslo' }]);
        assert.equal(new Set(choices[0]?.message.tool_calls?.map(({ id }) => id)).size, 2);
      }
    },
  },
  {
    name: 'deltas of calls never hold an empty list, and name the call first',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('calls')], tools };
      const chunks = await piecesOf(await clientOf(stand).chat.completions.create({ ...request, stream: true }));
      const named = new Set<number>();
      for (const { choices } of chunks) {
        const calls = choices[0]?.delta.tool_calls;
        if (calls === undefined) continue;
        assert.ok(calls.length > 0);
        for (const { index, id, type, function: called } of calls) {
          if (!named.has(index)) assert.ok(id && type === 'function' && called?.name);
          named.add(index);
        }
      }
      assert.deepEqual([...named], [0, 1]);
    },
  },
  {
    name: 'a model that has to call does, with arguments of the schema',
    needs: ['model'],
    run: async (stand) => {
      for (const choice of ['required' as const, { type: 'function' as const, function: { name: 'get_weather' } }]) {
        const { choices } = await clientOf(stand).chat.completions.create({
          model: stand.model,
          ...ask,
          tool_choice: choice,
          parallel_tool_calls: false,
        });
        const [values] = argumentsOf(choices[0]?.message);
        assert.equal(typeof Reflect.get(Object(values), 'city'), 'string');
        assert.equal(choices[0]?.message.tool_calls?.length, 1);
      }
    },
  },
  {
    name: 'a model that has to call does so in a stream, too',
    needs: ['model'],
    run: async (stand) => {
      const last = await clientOf(stand)
        .chat.completions.stream({ model: stand.model, ...ask, tool_choice: 'required', parallel_tool_calls: false })
        .finalChatCompletion();
      assert.equal(last.choices[0]?.finish_reason, 'tool_calls');
      assert.equal(typeof Reflect.get(Object(argumentsOf(last.choices[0].message)[0]), 'city'), 'string');
    },
  },
  {
    name: 'a model that may not call answers with text',
    needs: ['model'],
    run: async (stand) => {
      const { choices } = await clientOf(stand).chat.completions.create({
        model: stand.model,
        ...ask,
        max_tokens: 8,
        tool_choice: 'none',
      });
      assert.deepEqual(choices[0]?.message.tool_calls ?? [], []);
      assert.equal(typeof choices[0]?.message.content, 'string');
    },
  },
  {
    name: 'the client’s own loop calls the function and hands its answer back',
    needs: ['script'],
    run: async (stand) => {
      const asked: unknown[] = [];
      const runner = clientOf(stand).chat.completions.runTools({
        model: stand.script,
        messages: [play('agent')],
        tools: [
          {
            type: 'function',
            function: {
              ...weather.function,
              parse: JSON.parse as (text: string) => object,
              function: (values: object) => {
                asked.push(values);
                return 'rain';
              },
            },
          },
        ],
      });
      assert.equal(await runner.finalContent(), 'It is: rain.');
      assert.deepEqual(asked, [{ city: 'Bern' }]);
    },
  },
  {
    name: 'the client’s own loop does the same over streams',
    needs: ['script'],
    run: async (stand) => {
      const runner = clientOf(stand).chat.completions.runTools({
        model: stand.script,
        messages: [play('agent')],
        stream: true,
        tools: [
          {
            type: 'function',
            function: { ...weather.function, parse: JSON.parse as (text: string) => object, function: () => 'snow' },
          },
        ],
      });
      assert.equal(await runner.finalContent(), 'It is: snow.');
    },
  },
];
