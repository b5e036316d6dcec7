import assert from 'node:assert/strict';
import { embed, embedMany, generateObject, generateText, Output, streamObject, streamText } from 'ai';
import { z } from 'zod';
import { assertCity, type Behaviour } from '../behaviour.ts';
import { piecesOf } from '../reading.ts';
import { providerOf } from './provider.ts';

const schema = z.object({ city: z.string().max(6), large: z.boolean() });
const ask = { prompt: 'A city.', maxOutputTokens: 150, temperature: 0, maxRetries: 0 };

export const objects: readonly Behaviour[] = [
  {
    name: 'generateObject gives the object that zod describes',
    needs: ['model'],
    run: async (stand) => {
      const { object } = await generateObject({ model: providerOf(stand)(stand.model), schema, ...ask });
      assertCity(object);
    },
  },
  {
    name: 'streamObject gives the object as it grows',
    needs: ['script'],
    run: async (stand) => {
      const streamed = streamObject({
        model: providerOf(stand)(stand.script),
        schema,
        prompt: 'play city',
        maxRetries: 0,
      });
      const seen = await piecesOf(streamed.partialObjectStream);
      assert.deepEqual(seen.at(-1), { city: 'Bern', large: false });
      assert.deepEqual(await streamed.object, { city: 'Bern', large: false });
    },
  },
  {
    name: 'a text with an object for its output gives it, whole and streamed',
    needs: ['model'],
    run: async (stand) => {
      const request = { model: providerOf(stand)(stand.model), output: Output.object({ schema }), ...ask };
      assertCity((await generateText(request)).output);
      assertCity(await streamText(request).output);
    },
  },
  {
    name: 'a choice is one of what there was to choose from',
    needs: ['model'],
    run: async (stand) => {
      const options = ['yes', 'no'];
      const { output } = await generateText({
        model: providerOf(stand)(stand.model),
        output: Output.choice({ options }),
        ...ask,
      });
      assert.ok(options.includes(output));
    },
  },
  {
    name: 'an object without a schema is JSON',
    needs: ['script'],
    run: async (stand) => {
      const { object } = await generateObject({
        model: providerOf(stand)(stand.script),
        output: 'no-schema',
        prompt: 'play city',
        maxRetries: 0,
      });
      assert.deepEqual(object, { city: 'Bern', large: false });
    },
  },
  {
    name: 'embed and embedMany give vectors with their usage',
    needs: ['vectors'],
    run: async (stand) => {
      const model = providerOf(stand).embeddingModel(stand.vectors);
      const one = await embed({ model, value: 'two words', maxRetries: 0 });
      const many = await embedMany({ model, values: ['one', 'two words'], maxRetries: 0 });
      assert.ok(one.embedding.length > 0 && one.usage.tokens > 0);
      assert.equal(many.embeddings.length, 2);
      for (const [at, value] of one.embedding.entries())
        assert.ok(Math.abs(value - (many.embeddings[1]?.[at] ?? Number.NaN)) < 1e-5);
    },
  },
];
