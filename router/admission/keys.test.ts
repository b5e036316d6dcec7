import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { clientOf } from './keys.ts';

const digest = (key: string): string => createHash('sha256').update(key).digest('hex');
const keys = [
  { id: 'alice', sha256: digest('sk-alice') },
  { id: 'alice', sha256: digest('sk-alice-new') },
  { id: 'bob', sha256: digest('sk-bob') },
];

describe('the client of a request', () => {
  it('is found by its key, and by each of its keys while one replaces another', () => {
    expect(clientOf(keys, digest('sk-bob'))).toBe('bob');
    expect(clientOf(keys, digest('sk-alice'))).toBe('alice');
    expect(clientOf(keys, digest('sk-alice-new'))).toBe('alice');
  });

  it('is nobody in particular where no keys are asked for', () => {
    expect(clientOf([], digest('sk-bob'))).toBeUndefined();
    expect(clientOf([], undefined)).toBeUndefined();
  });

  it('is told how to send a key when there is none', () => {
    expect(() => clientOf(keys, undefined)).toThrow(expect.objectContaining({ code: 'invalid_api_key', status: 401 }));
    expect(() => clientOf(keys, undefined)).toThrow(/Authorization: Bearer/);
  });

  it.each(['sk-eve', 'sk-alic', 'sk-alice ', ''])(
    'is refused with the key %j, and the answer does not repeat it',
    (key) => {
      let message = '';
      try {
        clientOf(keys, digest(key));
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toContain('not known');
      expect(message).not.toContain('sk-');
    },
  );
});
