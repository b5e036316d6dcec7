import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { AIMessage, type AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { assertCity, rejection, unique, type Behaviour, type Client, type FullStand } from '../behaviour.ts';
import { worldText } from '../plays.ts';
import { assertLeft } from '../reading.ts';

/** Read from the package itself, which does not say. */
const { version } = createRequire(import.meta.url)('@langchain/openai/package.json') as { version: string };

type Fields = NonNullable<ConstructorParameters<typeof ChatOpenAI>[0]>;

/** The model as LangChain's users make one of a server of their own. */
const chatOf = ({ url, key }: FullStand, model: string, fields: Fields = {}): ChatOpenAI =>
  new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: url }, maxRetries: 0, ...fields });

const short = { maxTokens: 12, temperature: 0 };
const getWeather = tool(async ({ city }: { city: string }) => `rain in ${city}`, {
  name: 'get_weather',
  description: 'The weather of a city',
  schema: z.object({ city: z.string().max(8) }),
});
const city = z.object({ city: z.string().max(6), large: z.boolean() });
const question = 'Hello, how are you?';

/** Its type depends on more than is known here. */
const outputTokensOf = ({ usage_metadata: usage }: { usage_metadata?: unknown }): number =>
  (usage as { output_tokens?: number } | undefined)?.output_tokens ?? 0;

async function gathered(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  let whole: AIMessageChunk | undefined;
  for await (const chunk of stream) whole = whole ? whole.concat(chunk) : chunk;
  assert.ok(whole, 'the stream was empty');
  return whole;
}

const behaviours: readonly Behaviour[] = [
  {
    name: 'invoke gives a message with text and usage',
    needs: ['model'],
    run: async (stand) => {
      const message = await chatOf(stand, stand.model, short).invoke(question);
      assert.ok(message instanceof AIMessage);
      assert.equal(typeof message.content, 'string');
      assert.ok(outputTokensOf(message) > 0);
      assert.ok(message.response_metadata['finish_reason']);
    },
  },
  {
    name: 'stream gives the same text in pieces, and the usage',
    needs: ['model'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.model, short);
      const [whole, streamed] = [await chat.invoke(question), await gathered(await chat.stream(question))];
      assert.equal(streamed.text, whole.text);
      assert.ok(outputTokensOf(whole) > 0);
      assert.equal(outputTokensOf(streamed), outputTokensOf(whole));
    },
  },
  {
    name: 'batch answers each question, in order',
    needs: ['script'],
    run: async (stand) => {
      const answers = await chatOf(stand, stand.script).batch(['play hello', 'play city', 'play hello']);
      assert.deepEqual(
        answers.map(({ text }) => text),
        ['Hello.', '{"city":"Bern","large":false}', 'Hello.'],
      );
    },
  },
  {
    name: 'a conversation reaches the server in its roles',
    needs: ['script'],
    run: async (stand) => {
      const { text } = await chatOf(stand, stand.script).invoke([
        new SystemMessage('Be brief.'),
        new HumanMessage('Weather?'),
        new AIMessage({ content: '', tool_calls: [{ id: 'call_9', name: 'get_weather', args: { city: 'Ulm' } }] }),
        new ToolMessage({ tool_call_id: 'call_9', content: 'rain' }),
        new HumanMessage('play echo'),
      ]);
      const { messages } = JSON.parse(text) as { messages: { role: string }[] };
      assert.deepEqual(
        messages.map(({ role }) => role),
        ['system', 'user', 'assistant', 'tool', 'user'],
      );
    },
  },
  {
    name: 'characters that are cut between two packets arrive whole',
    needs: ['script'],
    run: async (stand) => {
      assert.equal((await gathered(await chatOf(stand, stand.script).stream('play world'))).text, worldText);
    },
  },
  {
    name: 'bindTools gives calls, whole and streamed, in their order',
    needs: ['script'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.script).bindTools([getWeather]);
      const [whole, streamed] = [await chat.invoke('play calls'), await gathered(await chat.stream('play calls'))];
      for (const { tool_calls: calls = [] } of [whole, streamed])
        assert.deepEqual(
          calls.map(({ name, args }) => [name, args]),
          [
            ['get_weather', { city: 'Bern' }],
            ['get_weather', { city: 'Oslo' }],
          ],
        );
    },
  },
  {
    name: 'what a tool gave goes back, and the answer is made of it',
    needs: ['script'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.script).bindTools([getWeather]);
      const asked = new HumanMessage('play agent');
      const calling = await chat.invoke([asked]);
      const [call] = calling.tool_calls ?? [];
      assert.ok(call);
      const given: ToolMessage = await getWeather.invoke({ ...call, type: 'tool_call' });
      assert.equal((await chat.invoke([asked, calling, given])).text, 'It is: rain in Bern.');
    },
  },
  {
    name: 'a model that has to call does, with arguments of the schema',
    needs: ['model'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.model, { maxTokens: 150, temperature: 0 });
      const options = { tool_choice: 'get_weather', strict: true, parallel_tool_calls: false };
      const { tool_calls: calls } = await chat.bindTools([getWeather], options).invoke('Weather?');
      assert.equal(typeof calls?.[0]?.args['city'], 'string');
    },
  },
  {
    name: 'withStructuredOutput gives the object by its schema',
    needs: ['model'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.model, { maxTokens: 150, temperature: 0 });
      assertCity(await chat.withStructuredOutput(city, { method: 'jsonSchema', name: 'city' }).invoke('A city.'));
    },
  },
  {
    name: 'withStructuredOutput gives the object by a call, too',
    needs: ['model'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.model, { maxTokens: 150, temperature: 0 });
      const options = { method: 'functionCalling' as const, name: 'city', strict: true };
      assertCity(await chat.withStructuredOutput(city, options).invoke('A city.'));
    },
  },
  {
    name: 'withStructuredOutput gives the object in JSON mode, too',
    needs: ['script'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.script);
      assertCity(await chat.withStructuredOutput(city, { method: 'jsonMode' }).invoke('play city'));
    },
  },
  {
    name: 'thoughts are kept beside the text',
    needs: ['script'],
    run: async (stand) => {
      const { text, additional_kwargs: rest } = await chatOf(stand, stand.script).invoke('play thinking');
      assert.deepEqual([text, rest['reasoning_content']], ['Four.', 'Let me see.']);
    },
  },
  {
    name: 'logprobs are in the metadata of the answer',
    needs: ['model'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.model, { ...short, logprobs: true, topLogprobs: 2 });
      const { response_metadata: about } = await chat.invoke(question);
      const { content = [] } = about['logprobs'] as { content?: { top_logprobs: unknown[] }[] };
      assert.ok(content.length > 0 && content.every(({ top_logprobs: top }) => top.length === 2));
    },
  },
  {
    name: 'modelKwargs reach the model’s server',
    needs: ['script'],
    run: async (stand) => {
      const { text } = await chatOf(stand, stand.script, { modelKwargs: { top_k: 7 } }).invoke('play echo');
      assert.equal((JSON.parse(text) as { top_k?: number }).top_k, 7);
    },
  },
  {
    name: 'the responses API answers, too, whole and streamed',
    needs: ['script'],
    run: async (stand) => {
      const chat = chatOf(stand, stand.script, { useResponsesApi: true });
      assert.equal((await chat.invoke('play hello')).text, 'Hello.');
      assert.equal((await gathered(await chat.stream('play hello'))).text, 'Hello.');
    },
  },
  {
    name: 'embeddings of documents and of a question are the same vectors',
    needs: ['vectors'],
    run: async (stand) => {
      const { url, key, vectors: model } = stand;
      const embeddings = new OpenAIEmbeddings({ model, apiKey: key, configuration: { baseURL: url }, maxRetries: 0 });
      const [first = []] = await embeddings.embedDocuments(['two words', 'three']);
      const question = await embeddings.embedQuery('two words');
      assert.ok(first.length > 0 && first.length === question.length);
      assert.ok(first.every((value, at) => Math.abs(value - (question[at] ?? Number.NaN)) < 1e-5));
    },
  },
  {
    name: 'a refused request says what is wrong, and is asked for once',
    needs: [],
    run: async (stand) => {
      const error = await rejection(chatOf(stand, 'gpt-17', { maxRetries: 3 }).invoke(question), Error);
      assert.deepEqual([Reflect.get(error, 'status'), Reflect.get(error, 'code')], [404, 'model_not_found']);
    },
  },
  {
    name: 'a server that is busy is asked again',
    needs: ['script'],
    run: async (stand) => {
      const { text } = await chatOf(stand, stand.script, { maxRetries: 5 }).invoke(`play busy 4 ${unique()}`);
      assert.equal(text, 'Here I am.');
    },
  },
  {
    name: 'a stream that breaks throws, after the words that had come',
    needs: ['script'],
    run: async (stand) => {
      let text = '';
      const read = async (): Promise<void> => {
        for await (const chunk of await chatOf(stand, stand.script).stream('play breaks')) text += chunk.text;
      };
      await rejection(read(), Error);
      assert.equal(text, 'Once upon');
    },
  },
  {
    name: 'a reader who aborts a stream stops the server, too',
    needs: ['script'],
    run: async (stand) => {
      const [name, left] = [unique(), new AbortController()];
      const read = async (): Promise<void> => {
        const stream = await chatOf(stand, stand.script).stream(`play endless ${name}`, { signal: left.signal });
        for await (const { text } of stream) if (text !== '') left.abort();
      };
      await rejection(read(), Error);
      await assertLeft(stand, name);
    },
  },
];

export const langchain: Client = { name: 'LangChain JS', version, behaviours };
