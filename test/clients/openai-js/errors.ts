import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { play, rejection, unique, user, type Behaviour } from '../behaviour.ts';
import { clientOf, counted } from './client.ts';

const ask = { messages: [user('Hello')], max_tokens: 4 };

export const errors: readonly Behaviour[] = [
  {
    name: 'a bad value is a BadRequestError that names the field',
    needs: ['model'],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.create({ model: stand.model, ...ask, temperature: 7 });
      const error = await rejection(work, OpenAI.BadRequestError);
      assert.equal(error.type, 'invalid_request_error');
      assert.match(`${error.param} ${error.message}`, /temperature/);
    },
  },
  {
    name: 'a prompt that is too long is a BadRequestError with its own code',
    needs: ['model'],
    run: async (stand) => {
      const messages = [user('word '.repeat(30_000))];
      const work = clientOf(stand).chat.completions.create({ model: stand.model, messages });
      assert.equal((await rejection(work, OpenAI.BadRequestError)).code, 'context_length_exceeded');
    },
  },
  {
    name: 'what the model’s server refuses keeps its code and its words',
    needs: ['script'],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.create({ model: stand.script, messages: [play('too-long')] });
      const error = await rejection(work, OpenAI.BadRequestError);
      assert.equal(error.code, 'context_length_exceeded');
      assert.match(error.message, /The server says context_length_exceeded/);
    },
  },
  {
    name: 'a wrong key is an AuthenticationError',
    needs: ['script'],
    run: async (stand) => {
      const work = clientOf({ ...stand, key: 'sk-of-somebody-else' }).chat.completions.create({
        model: stand.script,
        messages: [play('hello')],
      });
      const error = await rejection(work, OpenAI.AuthenticationError);
      assert.equal(error.code, 'invalid_api_key');
    },
  },
  {
    name: 'a key that has expired is an AuthenticationError that says so',
    needs: ['expiredKey'],
    run: async (stand) => {
      const error = await rejection(
        clientOf({ ...stand, key: stand.expiredKey }).models.list(),
        OpenAI.AuthenticationError,
      );
      assert.match(error.message, /expired/);
    },
  },
  {
    name: 'a key that is for something else is refused as such, and sees only its own models',
    needs: ['model', 'script', 'narrowKey'],
    run: async (stand) => {
      const client = clientOf({ ...stand, key: stand.narrowKey });
      const { data } = await client.models.list();
      assert.ok(data.some(({ id }) => id === stand.model) && !data.some(({ id }) => id === stand.script));
      const work = client.chat.completions.create({ model: stand.script, messages: [play('hello')] });
      const error = await rejection(work, OpenAI.APIError);
      assert.ok(error.status === 403 || error.status === 404, String(error.status));
    },
  },
  {
    name: 'a model that there is not is a NotFoundError, and is asked for once',
    needs: [],
    run: async (stand) => {
      const { fetch, asked } = counted();
      const work = clientOf(stand, { fetch, maxRetries: 2 }).chat.completions.create({ model: 'gpt-17', ...ask });
      const error = await rejection(work, OpenAI.NotFoundError);
      assert.equal(error.code, 'model_not_found');
      assert.equal(asked(), 1);
    },
  },
  {
    name: 'a body that is too large is refused with 413, and is sent once',
    needs: ['script', 'bodyBytesMax'],
    run: async (stand) => {
      const { fetch, asked } = counted();
      const messages = [play('length', 'x'.repeat(stand.bodyBytesMax))];
      const work = clientOf(stand, { fetch, maxRetries: 2 }).chat.completions.create({ model: stand.script, messages });
      const error = await rejection(work, OpenAI.APIError);
      assert.deepEqual([error.status, asked()], [413, 1]);
    },
  },
  {
    name: 'a server that is crowded is a RateLimitError with the time to wait',
    needs: ['script'],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.create({ model: stand.script, messages: [play('crowded')] });
      const error = await rejection(work, OpenAI.RateLimitError);
      assert.ok(Number(error.headers.get('retry-after-ms') ?? Number.NaN) >= 1);
      assert.ok(Number(error.headers.get('retry-after') ?? Number.NaN) >= 1);
    },
  },
  {
    name: 'a quota that is used up is a RateLimitError that says when there is more',
    needs: ['script', 'spentKey'],
    run: async (stand) => {
      const client = clientOf({ ...stand, key: stand.spentKey });
      const ask = () => client.chat.completions.create({ model: stand.script, messages: [play('hello')] });
      // Used up by somebody else of this minute, or now.
      await ask().catch(() => undefined);
      const error = await rejection(ask(), OpenAI.RateLimitError);
      assert.equal(error.headers.get('x-should-retry'), 'true');
      assert.ok(Number(error.headers.get('retry-after-ms')) >= 1);
      assert.equal(error.headers.get('x-ratelimit-remaining-requests'), '0');
    },
  },
  {
    name: 'a request that no waiting helps is not sent again',
    needs: ['script', 'poorKey'],
    run: async (stand) => {
      const { fetch, asked } = counted();
      const client = clientOf({ ...stand, key: stand.poorKey }, { fetch, maxRetries: 2 });
      const work = client.chat.completions.create({ model: stand.script, messages: [play('hello')] });
      const error = await rejection(work, OpenAI.RateLimitError);
      assert.equal(error.headers.get('x-should-retry'), 'false');
      assert.equal(asked(), 1);
    },
  },
  {
    name: 'what is left of a quota is in OpenAI’s headers',
    needs: ['script', 'countedKey'],
    run: async (stand) => {
      const { response } = await clientOf({ ...stand, key: stand.countedKey })
        .chat.completions.create({ model: stand.script, messages: [play('hello')] })
        .withResponse();
      const of = (name: string) => Number(response.headers.get(`x-ratelimit-${name}`));
      assert.ok(of('remaining-requests') < of('limit-requests'));
      assert.ok(of('remaining-tokens') < of('limit-tokens'));
    },
  },
  {
    name: 'a model without a server is an InternalServerError of 503, and is asked for once',
    needs: ['down'],
    run: async (stand) => {
      const { fetch, asked } = counted();
      const work = clientOf(stand, { fetch, maxRetries: 2 }).chat.completions.create({ model: stand.down, ...ask });
      const error = await rejection(work, OpenAI.InternalServerError);
      assert.deepEqual([error.status, asked()], [503, 1]);
    },
  },
  {
    name: 'a server that crashes at every try is an InternalServerError in the end',
    needs: ['script'],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.create({ model: stand.script, messages: [play('crash')] });
      const error = await rejection(work, OpenAI.InternalServerError);
      assert.ok(error.status >= 500);
    },
  },
  {
    name: 'a server that is busy for a moment costs nothing but the moment',
    needs: ['script'],
    run: async (stand) => {
      const messages = [play('busy', `1 ${unique()}`)];
      const { choices } = await clientOf(stand, { maxRetries: 2 }).chat.completions.create({
        model: stand.script,
        messages,
      });
      assert.equal(choices[0]?.message.content, 'Here I am.');
    },
  },
  {
    name: 'a server that is busy for longer is asked again by the client, when it said',
    needs: ['script'],
    run: async (stand) => {
      const { fetch, asked } = counted();
      const messages = [play('busy', `4 ${unique()}`)];
      const { choices } = await clientOf(stand, { fetch, maxRetries: 5 }).chat.completions.create({
        model: stand.script,
        messages,
      });
      assert.equal(choices[0]?.message.content, 'Here I am.');
      assert.ok(asked() > 1);
    },
  },
  {
    name: 'a client that has waited long enough gets its own timeout',
    needs: ['script'],
    run: async (stand) => {
      const client = clientOf(stand, { timeout: 200 });
      const work = client.chat.completions.create({ model: stand.script, messages: [play('silence')] });
      await rejection(work, OpenAI.APIConnectionTimeoutError);
    },
  },
  {
    name: 'a client that changes its mind gets its own abort',
    needs: ['script'],
    run: async (stand) => {
      const changed = new AbortController();
      const request = { model: stand.script, messages: [play('silence')] };
      const work = clientOf(stand).chat.completions.create(request, { signal: changed.signal });
      setTimeout(() => changed.abort(), 50);
      await rejection(work, OpenAI.APIUserAbortError);
    },
  },
  {
    name: 'an error has the id of its request',
    needs: [],
    run: async (stand) => {
      const work = clientOf(stand).chat.completions.create({ model: 'gpt-17', ...ask });
      const error = await rejection(work, OpenAI.APIError);
      assert.ok(error.requestID);
    },
  },
  {
    name: 'a route that there is not is a NotFoundError',
    needs: [],
    run: async (stand) => {
      const work = clientOf(stand).post('/holograms', { body: {} });
      await rejection(work, OpenAI.NotFoundError);
    },
  },
];
