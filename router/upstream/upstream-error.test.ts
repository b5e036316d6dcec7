import { describe, expect, it } from 'vitest';
import { clientError } from './upstream-error.ts';

const seen = (status: number, body: unknown) =>
  clientError(status, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), 'small');

describe('what a client is told of a server’s error', () => {
  it('is the server’s own words when they are in OpenAI’s shape', () => {
    const error = {
      message: 'too long',
      type: 'invalid_request_error',
      param: 'messages',
      code: 'context_length_exceeded',
    };
    expect(seen(400, { error, extra: 1 })).toEqual({ status: 400, body: { error } });
  });

  it('is completed where the shape is not, as with vLLM’s numbers for codes', () => {
    expect(seen(400, { error: { message: 'no', type: 'BadRequestError', param: null, code: 400 } }).body.error).toEqual(
      {
        message: 'no',
        type: 'BadRequestError',
        param: null,
        code: '400',
      },
    );
    expect(seen(422, { object: 'error', message: 'no', type: 'X', param: null, code: 42 }).body.error).toMatchObject({
      message: 'no',
      code: '42',
    });
  });

  it.each([
    [500, '<html>nginx at 10.0.0.7</html>', 'server_error', 'upstream_failed'],
    [503, '', 'server_error', 'upstream_failed'],
    [429, 'slow down', 'rate_limit_error', 'rate_limited'],
    [413, '{"detail":"no"}', 'invalid_request_error', 'body_too_large'],
    [400, '[1,2', 'invalid_request_error', 'invalid_request'],
  ])('is made up where there is none: %i %j', (status, body, type, code) => {
    const { status: told, body: said } = seen(status, body);
    expect(told).toBe(status);
    expect(said.error).toEqual({ message: expect.stringContaining(`status ${status}`), type, param: null, code });
  });

  it.each([401, 403, 404, 405, 302])(
    'hides that the server refused the router with %i: the words may quote its token',
    (status) => {
      const error = {
        message: 'Incorrect API key provided: sk-secret',
        type: 'x',
        param: null,
        code: 'invalid_api_key',
      };
      const { status: told, body } = seen(status, { error });
      expect([told, body.error.code]).toEqual([502, 'upstream_failed']);
      expect(JSON.stringify(body)).not.toContain('sk-secret');
    },
  );

  it('is cut where it is endless', () => {
    expect(seen(400, { error: { message: 'x'.repeat(100_000) } }).body.error.message).toHaveLength(2_000);
  });
});
