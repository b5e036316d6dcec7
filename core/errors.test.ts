import { describe, expect, it } from 'vitest';
import {
  FleetError,
  asFleetError,
  describeError,
  errorCodes,
  errorHeaders,
  toOpenAiError,
  type ErrorCode,
} from './errors.ts';

describe('an error', () => {
  it('crosses the wire in the shape that OpenAI clients read', () => {
    const error = new FleetError('model_not_found', 'model "x" is not served.', { param: 'model' });
    expect(toOpenAiError(error)).toEqual({
      error: {
        message: 'model "x" is not served.',
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    });
    expect(error.status).toBe(404);
  });

  it('has null, not undefined, where no field is at fault', () => {
    expect(JSON.parse(JSON.stringify(toOpenAiError(new FleetError('internal', 'x')))).error.param).toBeNull();
  });

  it('tells a client whether and when to try again', () => {
    expect(errorHeaders(new FleetError('queue_full', 'x', { retryAfterMs: 1_234.5 }))).toEqual({
      'x-should-retry': 'true',
      'retry-after-ms': '1235',
      'retry-after': '2',
    });
    expect(errorHeaders(new FleetError('invalid_json', 'x'))).toEqual({ 'x-should-retry': 'false' });
    expect(errorHeaders(new FleetError('upstream_failed', 'x', { retryable: false }))['x-should-retry']).toBe('false');
  });

  it('that is not ours says nothing of our insides', () => {
    const secret = new Error('connect ECONNREFUSED 10.0.0.7:8000 key=abc');
    const error = asFleetError(secret);
    expect(JSON.stringify(toOpenAiError(error))).not.toMatch(/10\.0\.0\.7|abc|ECONN/);
    expect(error.code).toBe('internal');
    expect(error.cause).toBe(secret);
  });

  it('of an aborted request is a cancellation', () => {
    expect(asFleetError(new DOMException('x', 'AbortError')).code).toBe('cancelled');
  });

  it('that is ours stays itself', () => {
    const error = new FleetError('queue_full', 'x');
    expect(asFleetError(error)).toBe(error);
  });

  it('has a status that HTTP knows, for every code', () => {
    for (const [code, { status, type }] of Object.entries(errorCodes)) {
      expect(status, code).toBeGreaterThanOrEqual(400);
      expect(status, code).toBeLessThan(600);
      expect(new FleetError(code as ErrorCode, 'x').status).toBe(status);
      expect(type).toMatch(/_error$/);
    }
  });

  it('shows its causes in a log line', () => {
    expect(describeError(new FleetError('internal', 'a', { cause: new Error('b', { cause: 'c' }) }))).toBe(
      'a (cause: b (cause: c))',
    );
  });
});
