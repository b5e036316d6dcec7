import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '../errors.ts';
import {
  chatRequestSchema,
  completionRequestSchema,
  embeddingRequestSchema,
  maxTokensOf,
  messageText,
  parseRequest,
} from './request.ts';

const chat = (fields: object): string =>
  JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'hi' }], ...fields });

function refusal(body: string): FleetError {
  try {
    parseRequest(chatRequestSchema, body);
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
  throw new Error('the body was accepted');
}

describe('a chat request', () => {
  it('is accepted as every client sends it, nulls and unknown fields included', () => {
    const request = parseRequest(
      chatRequestSchema,
      chat({ temperature: null, stop: null, stream: null, tools: null, vendor_field: { x: 1 }, max_tokens: null }),
    );
    expect(request).toMatchObject({ model: 'auto', vendor_field: { x: 1 } });
    expect(maxTokensOf(request)).toBeUndefined();
  });

  it.each([
    [{ max_tokens: -1 }, 'max_tokens', ['1 or more', 'got -1']],
    [{ max_tokens: 1.5 }, 'max_tokens', ['whole number', 'got 1.5']],
    [{ max_completion_tokens: 0 }, 'max_completion_tokens', ['1 or more', 'got 0']],
    [{ temperature: 3 }, 'temperature', ['2', 'got 3']],
    [{ top_p: 0 }, 'top_p', ['got 0']],
    [{ n: 1_000_000 }, 'n', ['from 1 to 8', 'got 1000000']],
    [{ n: 0 }, 'n', ['from 1 to 8', 'got 0']],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', ['at most 4 strings', 'got ["a","b"']],
    [{ messages: [] }, 'messages', ['got []']],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role', ['got "robot"']],
    [{ messages: 'hello' }, 'messages', ['got "hello"']],
    [{ model: { a: 1 } }, 'model', ['got {...}']],
    [{ model: [[1], 'a'] }, 'model', ['got [[...],"a"]']],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', ['string or a list of parts', 'got 5']],
    [{ seed: 0.5 }, 'seed', ['whole number', 'got 0.5']],
    [{ model: 7 }, 'model', ['GET /v1/models', 'got 7']],
    [{ stream: 'yes' }, 'stream', ['got "yes"']],
    [{ response_format: { type: 'xml' } }, 'response_format.type', ['got "xml"']],
  ])('%j is refused by name, with the value', (fields, param, words) => {
    const error = refusal(chat(fields));
    expect(error.code).toBe('invalid_request');
    expect(error.status).toBe(400);
    expect(error.param).toBe(param);
    for (const word of [param, ...words]) expect(error.message).toContain(word);
  });

  it('says what is missing', () => {
    const error = refusal(JSON.stringify({ model: 'auto' }));
    expect(error.param).toBe('messages');
    expect(error.message).toContain('missing');
  });

  it.each(['null', '[]', '"text"', '7'])('%s is told that it is no object', (body) => {
    const error = refusal(body);
    expect(error.message).toMatch(/^The request body must be one JSON object, got /);
    expect(error.param).toBeUndefined();
  });

  it('cuts a long value short in the message', () => {
    expect(refusal(chat({ stream: 'x'.repeat(10_000) })).message.length).toBeLessThan(200);
  });

  it.each(['', '{', '{"model": }', 'null', '[]', '"text"', '{"__proto__": 1}'])('%j does not get through', (body) => {
    expect(['invalid_json', 'invalid_request']).toContain(refusal(body).code);
  });

  it('never throws anything but a coded error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (body) => {
        try {
          parseRequest(chatRequestSchema, body);
        } catch (error) {
          expect(error).toBeInstanceOf(FleetError);
        }
      }),
    );
  });

  it('does not let a deep body exhaust the stack', () => {
    const depth = 10_000;
    expect(() =>
      parseRequest(chatRequestSchema, chat({ metadata: 1 }).replace('1}', `${'['.repeat(depth)}${']'.repeat(depth)}}`)),
    ).not.toThrow(RangeError);
  });
});

describe('the text of a message', () => {
  it.each([
    ['a string', 'hello', 'hello'],
    [
      'parts',
      [
        { type: 'text', text: 'a' },
        { type: 'image_url', image_url: { url: 'x' } },
        { type: 'text', text: 'b' },
      ],
      'ab',
    ],
    ['nothing', null, ''],
    ['an absent content', undefined, ''],
  ])('of %s', (_name, content, wanted) => {
    expect(messageText({ content })).toBe(wanted);
  });
});

describe('the newer name of max_tokens', () => {
  it('wins over the older', () => {
    expect(maxTokensOf({ max_tokens: 5, max_completion_tokens: 7 })).toBe(7);
    expect(maxTokensOf({ max_tokens: 5, max_completion_tokens: null })).toBe(5);
  });
});

describe('completions and embeddings', () => {
  it.each(['text', ['a', 'b'], [1, 2, 3]])('a prompt may be %j', (prompt) => {
    expect(parseRequest(completionRequestSchema, JSON.stringify({ model: 'm', prompt })).prompt).toEqual(prompt);
  });

  it.each(['text', ['a'], [1, 2], [[1], [2]]])('an input may be %j', (input) => {
    expect(parseRequest(embeddingRequestSchema, JSON.stringify({ model: 'm', input })).input).toEqual(input);
  });

  it.each([[[]], [[-1]], [[1.5]], [{}]])('an input may not be %j', (input) => {
    expect(() => parseRequest(embeddingRequestSchema, JSON.stringify({ model: 'm', input }))).toThrow(FleetError);
  });
});
