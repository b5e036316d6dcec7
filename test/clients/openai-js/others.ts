import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { rejection, user, weather, type Behaviour } from '../behaviour.ts';
import { piecesOf } from '../reading.ts';
import { clientOf } from './client.ts';

const closeTo = (a: readonly number[], b: readonly number[]): void => {
  assert.equal(a.length, b.length);
  a.forEach((value, at) => assert.ok(Math.abs(value - (b[at] ?? Number.NaN)) < 1e-5));
};

export const vectors: readonly Behaviour[] = [
  {
    name: 'embeddings are numbers by default, and the same as floats',
    needs: ['vectors'],
    run: async (stand) => {
      const request = { model: stand.vectors, input: 'The same sentence.' };
      const packed = await clientOf(stand).embeddings.create(request);
      const floats = await clientOf(stand).embeddings.create({ ...request, encoding_format: 'float' });
      assert.ok((packed.data[0]?.embedding.length ?? 0) > 0);
      closeTo(packed.data[0]?.embedding ?? [], floats.data[0]?.embedding ?? []);
    },
  },
  {
    name: 'embeddings in base64 are the bytes of the floats',
    needs: ['vectors'],
    run: async (stand) => {
      const request = { model: stand.vectors, input: 'The same sentence.' };
      const { data } = await clientOf(stand).embeddings.create({ ...request, encoding_format: 'base64' });
      const floats = await clientOf(stand).embeddings.create({ ...request, encoding_format: 'float' });
      // The client's type knows of numbers only.
      const bytes = Buffer.from(String(data[0]?.embedding), 'base64');
      const numbers = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
      closeTo(numbers, floats.data[0]?.embedding ?? []);
    },
  },
  {
    name: 'embeddings of a list come in its order, with their usage',
    needs: ['vectors'],
    run: async (stand) => {
      const ask = (input: string | string[]) => clientOf(stand).embeddings.create({ model: stand.vectors, input });
      const { data, usage } = await ask(['one', 'two words', 'three']);
      assert.deepEqual(
        data.map(({ index }) => index),
        [0, 1, 2],
      );
      assert.ok(usage.prompt_tokens > 3);
      closeTo(data[1]?.embedding ?? [], (await ask('two words')).data[0]?.embedding ?? []);
    },
  },
  {
    name: 'embeddings of nothing are refused by name',
    needs: ['vectors'],
    run: async (stand) => {
      const work = clientOf(stand).embeddings.create({ model: stand.vectors, input: [] });
      const error = await rejection(work, OpenAI.BadRequestError);
      assert.match(error.message, /input/);
    },
  },
];

export const models: readonly Behaviour[] = [
  {
    name: 'models are listed, and each can be asked for by itself',
    needs: ['model'],
    run: async (stand) => {
      const { data } = await clientOf(stand).models.list();
      const listed = data.find(({ id }) => id === stand.model);
      assert.ok(listed?.owned_by);
      assert.deepEqual(await clientOf(stand).models.retrieve(stand.model), listed);
    },
  },
  {
    name: 'a model that there is not is not found',
    needs: [],
    run: async (stand) => {
      await rejection(clientOf(stand).models.retrieve('gpt-17'), OpenAI.NotFoundError);
    },
  },
];

export const responses: readonly Behaviour[] = [
  {
    name: 'a response has its text, status and usage',
    needs: ['model'],
    run: async (stand) => {
      const response = await clientOf(stand).responses.create({
        model: stand.model,
        instructions: 'Be brief.',
        input: [user('Hello')],
        max_output_tokens: 6,
        temperature: 0,
      });
      assert.equal(typeof response.output_text, 'string');
      assert.equal(response.status, 'incomplete');
      assert.equal(response.incomplete_details?.reason, 'max_output_tokens');
      assert.equal(response.usage?.output_tokens, 6);
    },
  },
  {
    name: 'a streamed response tells of its events in order, and ends in the whole',
    needs: ['script'],
    run: async (stand) => {
      const stream = clientOf(stand).responses.stream({ model: stand.script, input: 'play hello' });
      const types = (await piecesOf(stream)).map(({ type }) => type);
      assert.deepEqual([types[0], types.at(-1)], ['response.created', 'response.completed']);
      assert.equal(types.filter((type) => type === 'response.output_text.delta').length, 2);
      assert.equal((await stream.finalResponse()).output_text, 'Hello.');
    },
  },
  {
    name: 'a response calls functions, whole and streamed',
    needs: ['script'],
    run: async (stand) => {
      const { type, function: called } = weather;
      const request = { model: stand.script, input: 'play calls', tools: [{ type, ...called }] };
      const whole = await clientOf(stand).responses.create(request);
      const streamed = await clientOf(stand).responses.stream(request).finalResponse();
      for (const { output } of [whole, streamed])
        assert.deepEqual(
          output.flatMap((item) => (item.type === 'function_call' ? [JSON.parse(item.arguments)] : [])),
          [{ city: 'Bern' }, { city: 'Oslo' }],
        );
    },
  },
  {
    name: 'what a function gave goes back with the next response',
    needs: ['script'],
    run: async (stand) => {
      const { output_text: text } = await clientOf(stand).responses.create({
        model: stand.script,
        input: [
          user('play agent'),
          { type: 'function_call', call_id: 'call_0', name: 'get_weather', arguments: '{"city":"Bern"}' },
          { type: 'function_call_output', call_id: 'call_0', output: 'hail' },
        ],
      });
      assert.equal(text, 'It is: hail.');
    },
  },
  {
    name: 'a response shows thoughts as an item of its own',
    needs: ['script'],
    run: async (stand) => {
      const { output } = await clientOf(stand).responses.create({ model: stand.script, input: 'play thinking' });
      assert.deepEqual(
        output.map(({ type }) => type),
        ['reasoning', 'message'],
      );
    },
  },
  {
    name: 'a response that wants what nobody kept is refused by name',
    needs: ['model'],
    run: async (stand) => {
      const work = clientOf(stand).responses.create({
        model: stand.model,
        input: 'And then?',
        previous_response_id: 'resp_of_yesterday',
      });
      const error = await rejection(work, OpenAI.APIError);
      assert.ok(error.status === 400 || error.status === 404, String(error.status));
      assert.match(error.message, /previous_response_id|not found/i);
    },
  },
  {
    name: 'a response that fails in the middle of its stream throws',
    needs: ['script'],
    run: async (stand) => {
      const stream = await clientOf(stand).responses.create({
        model: stand.script,
        input: 'play breaks',
        stream: true,
      });
      await rejection(piecesOf(stream), OpenAI.APIError);
    },
  },
];
