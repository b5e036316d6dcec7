import { describe, expect, it } from 'vitest';
import { sessionKey } from './key.ts';

describe('a session', () => {
  it('is the one that the header names, or else the one of the cache key', () => {
    const byHeader = sessionKey('one', {});
    expect(sessionKey('one', { prompt_cache_key: 'two' })).toBe(byHeader);
    expect(sessionKey(undefined, { prompt_cache_key: 'one' })).toBe(byHeader);
    expect(sessionKey('two', {})).not.toBe(byHeader);
  });

  it('is none without a name', () => {
    expect(sessionKey(undefined, {})).toBeUndefined();
    expect(sessionKey('', { prompt_cache_key: null })).toBeUndefined();
  });
});
