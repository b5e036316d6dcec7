import { keyScopesSchema } from '@qwenfleet/core/fleet/client-key';
import { describe, expect, it } from 'vitest';
import { checkRoute, outOfScope, takesName, takesPool } from './scope.ts';

const scopes = keyScopesSchema.parse({ models: ['small', 'tuned'], routes: ['/v1/chat/completions', '/v1/models'] });
const [small, large] = [{ name: 'small' }, { name: 'large' }];

describe('a scope of routes', () => {
  it.each(['/v1/chat/completions', '/v1/models', '/v1/models/Qwen/Qwen3-8B'])('takes in %s', (path) => {
    expect(() => checkRoute(scopes, path)).not.toThrow();
  });

  it.each(['/v1/embeddings', '/v1', '/v1/chat', '/v1/models2', '/v1/Models', '/', '/v1/chat/completions%2F'])(
    'leaves %s out, and says what it is for',
    (path) => {
      const check = () => checkRoute(scopes, path);
      expect(check).toThrow(expect.objectContaining({ code: 'forbidden', status: 403, retryable: false }));
      expect(check).toThrow('/v1/chat/completions, /v1/models');
    },
  );

  it('that is left out takes in everything, and one without a route nothing', () => {
    expect(() => checkRoute({}, '/v1/embeddings')).not.toThrow();
    expect(() => checkRoute({ routes: [] }, '/v1/embeddings')).toThrow('it is for nothing');
  });

  it.each(['v1/models', '/metrics', '/v1/', '/v1/models/', '/v1/*', ''])('cannot be %j', (route) => {
    expect(() => keyScopesSchema.parse({ routes: [route] })).toThrow(/is not a route; write its path/);
  });
});

describe('a scope of models', () => {
  it('takes a pool in with all its names', () => {
    expect([takesPool(scopes, small), takesName(scopes, small, 'Qwen/Qwen3-8B')]).toEqual([true, true]);
  });

  it('takes in a single name of a model, and not the pool behind it', () => {
    expect([takesPool(scopes, large), takesName(scopes, large, 'tuned'), takesName(scopes, large, 'large')]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('that is left out takes in everything, and one without a name nothing', () => {
    expect([takesPool({}, large), takesName({}, large, 'large')]).toEqual([true, true]);
    expect(takesName({ models: [] }, small, 'small')).toBe(false);
    expect(outOfScope({ models: [] }, 'small').message).toContain('it is for nothing');
  });

  it('has no place for auto, which chooses among what it names', () => {
    expect(() => keyScopesSchema.parse({ models: ['auto'] })).toThrow(/chooses among the pools/);
  });
});
