import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { play, rejection, unique, user, type Behaviour } from '../behaviour.ts';
import { worldText } from '../plays.ts';
import { assertLeft, piecesOf } from '../reading.ts';
import { clientOf, textOf } from './client.ts';

const short = { messages: [user('Hello, how are you?')], max_tokens: 12, temperature: 0 };

export const streams: readonly Behaviour[] = [
  {
    name: 'a streamed answer is the whole one in pieces',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const whole = await clientOf(stand).chat.completions.create({ model, ...short });
      const chunks = await piecesOf(await clientOf(stand).chat.completions.create({ model, ...short, stream: true }));
      assert.equal(textOf(chunks), whole.choices[0]?.message.content);
      assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant');
      const reasons = chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? []);
      assert.deepEqual(reasons, [whole.choices[0]?.finish_reason]);
    },
  },
  {
    name: 'a stream keeps one id, time and model over all its chunks',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const chunks = await piecesOf(await clientOf(stand).chat.completions.create({ model, ...short, stream: true }));
      for (const field of ['id', 'created', 'model', 'object'] as const)
        assert.equal(new Set(chunks.map((chunk) => chunk[field])).size, 1, field);
      assert.ok(chunks[0]?.id);
    },
  },
  {
    name: 'usage comes in a last chunk without choices where it is asked for',
    needs: ['model'],
    run: async (stand) => {
      const { model } = stand;
      const chunks = await piecesOf(
        await clientOf(stand).chat.completions.create({
          model,
          ...short,
          stream: true,
          stream_options: { include_usage: true },
        }),
      );
      assert.deepEqual(chunks.at(-1)?.choices, []);
      assert.ok((chunks.at(-1)?.usage?.completion_tokens ?? 0) > 0);
      for (const { usage } of chunks.slice(0, -1)) assert.equal(usage ?? null, null);
    },
  },
  {
    name: 'usage comes in no chunk otherwise',
    needs: ['model', 'countedKey'],
    run: async (stand) => {
      const { model } = stand;
      for (const key of [stand.key, stand.countedKey]) {
        const chunks = await piecesOf(
          await clientOf({ ...stand, key }).chat.completions.create({ model, ...short, stream: true }),
        );
        for (const { usage, choices } of chunks) assert.deepEqual([usage ?? null, choices.length], [null, 1]);
      }
    },
  },
  {
    name: 'several choices stream side by side',
    needs: ['model'],
    run: async (stand) => {
      const request = { model: stand.model, ...short, n: 2, temperature: 1, seed: 5 };
      const whole = await clientOf(stand).chat.completions.create(request);
      const chunks = await piecesOf(await clientOf(stand).chat.completions.create({ ...request, stream: true }));
      for (const { index, message } of whole.choices) assert.equal(textOf(chunks, index), message.content);
    },
  },
  {
    name: 'the stream helper tells of content, chunks, the message and the usage',
    needs: ['model'],
    run: async (stand) => {
      const stream = clientOf(stand).chat.completions.stream({
        model: stand.model,
        ...short,
        stream_options: { include_usage: true },
      });
      const heard = { content: '', deltas: '', chunks: 0, done: '' };
      stream
        .on('content', (delta) => (heard.content += delta))
        .on('content.delta', ({ delta }) => (heard.deltas += delta))
        .on('content.done', ({ content }) => (heard.done = content))
        .on('chunk', () => (heard.chunks += 1));
      const content = await stream.finalContent();
      assert.deepEqual([heard.content, heard.deltas, heard.done], [content, content, content]);
      assert.ok(heard.chunks > 2);
      assert.equal((await stream.finalMessage()).role, 'assistant');
      assert.ok((await stream.totalUsage()).completion_tokens > 0);
    },
  },
  {
    name: 'streamed logprobs are those of the whole answer',
    needs: ['model'],
    run: async (stand) => {
      const request = { model: stand.model, ...short, logprobs: true, top_logprobs: 2 };
      const whole = await clientOf(stand).chat.completions.create(request);
      const last = await clientOf(stand).chat.completions.stream(request).finalChatCompletion();
      const tokensOf = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.logprobs?.content?.map(({ token }) => token);
      assert.deepEqual(tokensOf(last), tokensOf(whole));
    },
  },
  {
    name: 'characters that are cut between two packets arrive whole',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('world')] };
      const chunks = await piecesOf(await clientOf(stand).chat.completions.create({ ...request, stream: true }));
      assert.equal(textOf(chunks), worldText);
    },
  },
  {
    name: 'comments and Windows line ends in a stream do no harm',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('commented')] };
      assert.equal(await clientOf(stand).chat.completions.stream(request).finalContent(), 'Hello.');
    },
  },
  {
    name: 'the first word is there before the last one is written',
    needs: ['script'],
    run: async (stand) => {
      const name = unique();
      const ask = (words: string) => ({ model: stand.script, messages: [play(words, name)] });
      const stream = await clientOf(stand, { timeout: 10_000 }).chat.completions.create({
        ...ask('pause'),
        stream: true,
      });
      let text = '';
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? '';
        // The server goes on only when it is told to, and it is told only when its first word has come.
        if (text === 'first') await clientOf(stand).chat.completions.create(ask('resume'));
      }
      assert.equal(text, 'first last');
    },
  },
  {
    name: 'thoughts stream as a field of their own, before the answer',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('thinking')] };
      const chunks = await piecesOf(await clientOf(stand).chat.completions.create({ ...request, stream: true }));
      const thoughts = chunks.map(({ choices }) =>
        String(Reflect.get(choices[0]?.delta ?? {}, 'reasoning_content') ?? ''),
      );
      assert.equal(thoughts.join(''), 'Let me see.');
      assert.equal(textOf(chunks), 'Four.');
    },
  },
  {
    name: 'a refusal streams as one',
    needs: ['script'],
    run: async (stand) => {
      const stream = clientOf(stand).chat.completions.stream({ model: stand.script, messages: [play('refusal')] });
      let heard = '';
      stream.on('refusal.done', ({ refusal }) => (heard = refusal));
      await stream.finalMessage();
      assert.equal(heard, 'I will not.');
    },
  },
  {
    name: 'a stream that breaks throws, and does not seem to have ended',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('breaks')] };
      const stream = await clientOf(stand).chat.completions.create({ ...request, stream: true });
      await rejection(piecesOf(stream), Error);
    },
  },
  {
    name: 'a stream that breaks says so with a code, after the words that had come',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('breaks')] };
      const stream = await clientOf(stand).chat.completions.create({ ...request, stream: true });
      let text = '';
      const read = async (): Promise<void> => {
        for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
      };
      const error = await rejection(read(), OpenAI.APIError);
      assert.equal(text, 'Once upon');
      assert.equal(typeof error.code, 'string');
    },
  },
  {
    name: 'a failure of the engine in the middle of a stream is told in the engine’s words',
    needs: ['script'],
    run: async (stand) => {
      const request = { model: stand.script, messages: [play('fails')] };
      const stream = await clientOf(stand).chat.completions.create({ ...request, stream: true });
      const error = await rejection(piecesOf(stream), OpenAI.APIError);
      assert.equal(error.code, 'engine_failed');
      assert.match(error.message, /The engine failed/);
    },
  },
  {
    name: 'a reader who breaks off a stream stops the server, too',
    needs: ['script'],
    run: async (stand) => {
      const name = unique();
      const request = { model: stand.script, messages: [play('endless', name)] };
      const stream = await clientOf(stand).chat.completions.create({ ...request, stream: true });
      let words = 0;
      for await (const { choices } of stream) {
        words += choices[0]?.delta.content ? 1 : 0;
        if (words === 3) break;
      }
      await assertLeft(stand, name);
    },
  },
  {
    name: 'an abort signal in the middle of a stream ends it, and the server’s work',
    needs: ['script'],
    run: async (stand) => {
      const name = unique();
      const stream = clientOf(stand).chat.completions.stream({
        model: stand.script,
        messages: [play('endless', name)],
      });
      stream.on('content', (_delta, snapshot) => {
        if (snapshot.length > 10) stream.abort();
      });
      await rejection(stream.done(), OpenAI.APIUserAbortError);
      await assertLeft(stand, name);
    },
  },
];
