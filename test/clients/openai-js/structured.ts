import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { ContentFilterFinishReasonError, LengthFinishReasonError } from 'openai/error';
import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { assertCity, citySchema, play, rejection, user, type Behaviour } from '../behaviour.ts';
import { clientOf } from './client.ts';

const city = z.object({ city: z.string().max(6), large: z.boolean() });
const ask = { messages: [user('A city, as JSON.')], max_tokens: 150, temperature: 0 };
const jsonSchema = {
  type: 'json_schema' as const,
  json_schema: { name: 'city', strict: true, schema: citySchema },
};

export const structured: readonly Behaviour[] = [
  {
    name: 'an answer in JSON mode is an object',
    needs: ['model'],
    run: async (stand) => {
      const { choices } = await clientOf(stand).chat.completions.create({
        model: stand.model,
        messages: [user('An empty object, as JSON.')],
        // A model of random weights would write on to the end of its context.
        response_format: { type: 'json_object' },
        max_tokens: 150,
        temperature: 0,
      });
      if (choices[0]?.finish_reason === 'length') assert.match(choices[0].message.content ?? '', /^\s*\{/);
      else assert.equal(typeof JSON.parse(choices[0]?.message.content ?? ''), 'object');
    },
  },
  {
    name: 'an answer follows its schema, whole and streamed',
    needs: ['model'],
    run: async (stand) => {
      const request = { model: stand.model, ...ask, response_format: jsonSchema };
      const { choices } = await clientOf(stand).chat.completions.create(request);
      assertCity(JSON.parse(choices[0]?.message.content ?? ''));
      assertCity(JSON.parse((await clientOf(stand).chat.completions.stream(request).finalContent()) ?? ''));
    },
  },
  {
    name: 'the parse helper gives the object that zod describes',
    needs: ['model'],
    run: async (stand) => {
      const { choices } = await clientOf(stand).chat.completions.parse({
        model: stand.model,
        ...ask,
        response_format: zodResponseFormat(city, 'city'),
      });
      assertCity(choices[0]?.message.parsed);
    },
  },
  {
    name: 'the parse helper gives the arguments of a call that zod describes',
    needs: ['script'],
    run: async (stand) => {
      const parameters = z.object({ city: z.string() });
      const { choices } = await clientOf(stand).chat.completions.parse({
        model: stand.script,
        messages: [play('call')],
        tools: [zodFunction({ name: 'get_weather', parameters })],
      });
      const [call] = choices[0]?.message.tool_calls ?? [];
      assert.ok(call?.type === 'function');
      assert.deepEqual(call.function.parsed_arguments, { city: 'Bern' });
    },
  },
  {
    name: 'the stream helper tells of the object as it grows',
    needs: ['script'],
    run: async (stand) => {
      const stream = clientOf(stand).chat.completions.stream({
        model: stand.script,
        messages: [play('city')],
        response_format: zodResponseFormat(city, 'city'),
      });
      const seen: unknown[] = [];
      stream.on('content.delta', ({ parsed }) => seen.push(parsed));
      const last = await stream.finalChatCompletion();
      assert.deepEqual(last.choices[0]?.message.parsed, { city: 'Bern', large: false });
      assert.deepEqual(seen.at(-1), { city: 'Bern', large: false });
    },
  },
  {
    name: 'an object that was cut throws, and is not taken for one',
    needs: ['model'],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.parse({
        model: stand.model,
        messages: ask.messages,
        max_tokens: 4,
        response_format: zodResponseFormat(city, 'city'),
      });
      await rejection(work, LengthFinishReasonError);
    },
  },
  {
    name: 'an answer that a filter cut throws as such',
    needs: ['script'],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.parse({
        model: stand.script,
        messages: [play('filtered')],
        response_format: zodResponseFormat(city, 'city'),
      });
      await rejection(work, ContentFilterFinishReasonError);
    },
  },
  {
    name: 'a schema that is none is refused by name',
    needs: ['model'],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.create({
        model: stand.model,
        ...ask,
        response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: { type: 'city' } } },
      });
      const error = await rejection(work, OpenAI.BadRequestError);
      assert.match(`${error.param} ${error.message}`, /response_format/);
    },
  },
  {
    name: 'a response is parsed by its text format',
    needs: ['model'],
    run: async (stand) => {
      const response = await clientOf(stand).responses.parse({
        model: stand.model,
        input: 'A city, as JSON.',
        max_output_tokens: 150,
        temperature: 0,
        text: { format: zodTextFormat(city, 'city') },
      });
      assertCity(response.output_parsed);
    },
  },
];
