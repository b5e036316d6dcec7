import assert from 'node:assert/strict';
import { APICallError, generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';
import { rejection, unique, type Behaviour } from '../behaviour.ts';
import { worldText } from '../plays.ts';
import { assertLeft, piecesOf } from '../reading.ts';
import { providerOf } from './provider.ts';

const short = { prompt: 'Hello, how are you?', maxOutputTokens: 12, temperature: 0, maxRetries: 0 };
const once = { maxRetries: 0 };
const getWeather = tool({
  description: 'The weather of a city',
  inputSchema: z.object({ city: z.string().max(8) }),
  execute: async ({ city }) => `rain in ${city}`,
});

export const texts: readonly Behaviour[] = [
  {
    name: 'generateText gives the text, why it ended and the usage',
    needs: ['model'],
    run: async (stand) => {
      const { text, finishReason, usage } = await generateText({ model: providerOf(stand)(stand.model), ...short });
      assert.equal(typeof text, 'string');
      assert.ok(['stop', 'length'].includes(finishReason));
      assert.ok((usage.inputTokens ?? 0) > 0 && (usage.outputTokens ?? 0) > 0);
    },
  },
  {
    name: 'streamText gives the same text in pieces, and the usage',
    needs: ['model'],
    run: async (stand) => {
      const model = providerOf(stand)(stand.model);
      const whole = await generateText({ model, ...short });
      const streamed = streamText({ model, ...short });
      let text = '';
      for await (const piece of streamed.textStream) text += piece;
      assert.equal(text, whole.text);
      assert.equal(await streamed.finishReason, whole.finishReason);
      assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);
    },
  },
  {
    name: 'instructions and messages reach the server in their roles',
    needs: ['script'],
    run: async (stand) => {
      const { text } = await generateText({
        model: providerOf(stand)(stand.script),
        instructions: 'Be brief.',
        messages: [
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: 'Yes?' },
          { role: 'user', content: [{ type: 'text', text: 'play echo' }] },
        ],
        ...once,
      });
      const { messages } = JSON.parse(text) as { messages: { role: string }[] };
      assert.deepEqual(
        messages.map(({ role }) => role),
        ['system', 'user', 'assistant', 'user'],
      );
    },
  },
  {
    name: 'characters that are cut between two packets arrive whole',
    needs: ['script'],
    run: async (stand) => {
      const { textStream } = streamText({ model: providerOf(stand)(stand.script), prompt: 'play world', ...once });
      assert.equal((await piecesOf(textStream)).join(''), worldText);
    },
  },
  {
    name: 'thoughts are reasoning, whole and streamed, and not text',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: providerOf(stand)(stand.script), prompt: 'play thinking', ...once };
      const whole = await generateText(request);
      assert.deepEqual([whole.reasoningText, whole.text], ['Let me see.', 'Four.']);
      const streamed = streamText(request);
      const types: string[] = [];
      for await (const { type } of streamed.stream) if (types.at(-1) !== type) types.push(type);
      assert.ok(types.indexOf('reasoning-end') < types.indexOf('text-start'), types.join(' '));
      assert.equal(await streamed.reasoningText, 'Let me see.');
    },
  },
  {
    name: 'cached and reasoning tokens are in the usage',
    needs: ['script'],
    run: async (stand) => {
      const streamed = streamText({ model: providerOf(stand)(stand.script), prompt: 'play hello', ...once });
      await streamed.consumeStream();
      const usage = await streamed.usage;
      assert.equal(usage.inputTokenDetails.cacheReadTokens, 4);
      assert.equal(usage.outputTokenDetails.reasoningTokens, 2);
    },
  },
  {
    name: 'calls of a function come whole and streamed, in their order',
    needs: ['script'],
    run: async (stand) => {
      const request = {
        model: providerOf(stand)(stand.script),
        prompt: 'play calls',
        tools: { get_weather: getWeather },
        ...once,
      };
      const whole = await generateText(request);
      const streamed = streamText(request);
      for (const calls of [whole.toolCalls, await streamed.toolCalls])
        assert.deepEqual(
          calls.map(({ toolName, input }) => [toolName, input]),
          [
            ['get_weather', { city: 'Bern' }],
            ['get_weather', { city: 'Oslo' }],
          ],
        );
      assert.equal(whole.finishReason, 'tool-calls');
    },
  },
  {
    name: 'the arguments of a call are heard of as they are written',
    needs: ['script'],
    run: async (stand) => {
      const { stream } = streamText({
        model: providerOf(stand)(stand.script),
        prompt: 'play call',
        tools: { get_weather: getWeather },
        ...once,
      });
      let written = '';
      for await (const part of stream) if (part.type === 'tool-input-delta') written += part.delta;
      assert.equal(written, '{"city":"Bern"}');
    },
  },
  {
    name: 'a loop of steps calls the function and ends in a text',
    needs: ['script'],
    run: async (stand) => {
      const request = {
        model: providerOf(stand)(stand.script),
        prompt: 'play agent',
        tools: { get_weather: getWeather },
        stopWhen: isStepCount(3),
        ...once,
      };
      assert.equal((await generateText(request)).text, 'It is: rain in Bern.');
      assert.equal(await streamText(request).text, 'It is: rain in Bern.');
    },
  },
  {
    name: 'a model that has to call does, with arguments of the schema',
    needs: ['model'],
    run: async (stand) => {
      const { toolCalls } = await generateText({
        model: providerOf(stand)(stand.model),
        ...short,
        maxOutputTokens: 150,
        tools: { get_weather: getWeather },
        toolChoice: 'required',
        providerOptions: { qwenfleet: { parallel_tool_calls: false } },
      });
      assert.equal(typeof Reflect.get(Object(toolCalls[0]?.input), 'city'), 'string');
    },
  },
  {
    name: 'options of the provider reach the model’s server',
    needs: ['script'],
    run: async (stand) => {
      const { text } = await generateText({
        model: providerOf(stand)(stand.script),
        prompt: 'play echo',
        providerOptions: { qwenfleet: { top_k: 7 } },
        ...once,
      });
      assert.equal((JSON.parse(text) as { top_k?: number }).top_k, 7);
    },
  },
  {
    name: 'a refused request is an APICallError with status and body, not to be tried again',
    needs: ['model'],
    run: async (stand) => {
      const error = await rejection(generateText({ model: providerOf(stand)('gpt-17'), ...short }), APICallError);
      assert.deepEqual([error.statusCode, error.isRetryable], [404, false]);
      assert.match(error.responseBody ?? '', /model_not_found/);
    },
  },
  {
    name: 'a server that is busy is asked again, when it said',
    needs: ['script'],
    run: async (stand) => {
      const { text } = await generateText({
        model: providerOf(stand)(stand.script),
        prompt: `play busy 4 ${unique()}`,
        maxRetries: 5,
      });
      assert.equal(text, 'Here I am.');
    },
  },
  {
    name: 'a stream that breaks is an error, and not an end',
    needs: ['script'],
    run: async (stand) => {
      const seen: unknown[] = [];
      const streamed = streamText({
        model: providerOf(stand)(stand.script),
        prompt: 'play breaks',
        onError: ({ error }) => void seen.push(error),
        ...once,
      });
      let text = '';
      const types: string[] = [];
      for await (const part of streamed.stream) {
        types.push(part.type);
        if (part.type === 'text-delta') text += part.text;
      }
      assert.equal(text, 'Once upon');
      assert.ok(types.includes('error'), types.join(' '));
      assert.equal(seen.length, 1);
    },
  },
  {
    name: 'a reader who aborts a stream stops the server, too',
    needs: ['script'],
    run: async (stand) => {
      const [name, left] = [unique(), new AbortController()];
      const { stream } = streamText({
        model: providerOf(stand)(stand.script),
        prompt: `play endless ${name}`,
        abortSignal: left.signal,
        ...once,
      });
      const types: string[] = [];
      for await (const { type } of stream) {
        types.push(type);
        if (type === 'text-delta') left.abort();
      }
      assert.ok(types.includes('abort'));
      await assertLeft(stand, name);
    },
  },
  {
    name: 'headers of the answer are there for who wants them',
    needs: ['script'],
    run: async (stand) => {
      const { response } = await generateText({
        model: providerOf(stand)(stand.script),
        prompt: 'play hello',
        ...once,
      });
      assert.ok(response.headers?.['x-request-id']);
    },
  },
];
