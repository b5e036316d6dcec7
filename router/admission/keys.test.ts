import { createHash } from 'node:crypto';
import { clientKeySchema } from '@qwenfleet/core/fleet/client-key';
import { describe, expect, it } from 'vitest';
import { KeyRing } from './keys.ts';

const digest = (key: string): string => createHash('sha256').update(key).digest('hex');
const keyOf = (id: string, key: string, rest: object = {}) =>
  clientKeySchema.parse({ id, sha256: digest(key), ...rest });
const expires = '2027-01-31T00:00:00+01:00';
const expiresEpochMs = Date.UTC(2027, 0, 30, 23);
const ring = new KeyRing([
  keyOf('alice', 'sk-alice', { expires }),
  keyOf('alice', 'sk-alice-new'),
  keyOf('bob', 'sk-bob'),
  keyOf('eve', 'sk-bob'),
]);
const messageOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

describe('the client of a request', () => {
  it('is found by its key, and by each of its keys while one replaces another', () => {
    expect(ring.admit(digest('sk-bob'), 0)?.id).toBe('bob');
    expect(ring.admit(digest('sk-alice'), 0)?.id).toBe('alice');
    expect(ring.admit(digest('sk-alice-new'), 0)?.id).toBe('alice');
  });

  it('is nobody in particular where no keys are asked for', () => {
    expect(new KeyRing([]).admit(digest('sk-bob'), 0)).toBeUndefined();
    expect(new KeyRing([]).admit(undefined, 0)).toBeUndefined();
  });

  it('is told how to send a key when there is none', () => {
    const admit = () => ring.admit(undefined, 0);
    expect(admit).toThrow(expect.objectContaining({ code: 'invalid_api_key', status: 401 }));
    expect(admit).toThrow(/Authorization: Bearer/);
  });

  it.each(['sk-eve', 'sk-alic', 'sk-alice ', ''])(
    'is refused with the key %j, and the answer does not repeat it',
    (key) => {
      const message = messageOf(() => ring.admit(digest(key), 0));
      expect(message).toContain('not known');
      expect(message).not.toContain('sk-');
    },
  );
});

describe('a key that expires', () => {
  it('is good up to its moment, whatever the zone that this is written in', () => {
    expect(ring.admit(digest('sk-alice'), expiresEpochMs - 1)?.id).toBe('alice');
  });

  it('is refused from then on and told why, while the one that replaces it is good', () => {
    const admit = () => ring.admit(digest('sk-alice'), expiresEpochMs);
    expect(admit).toThrow(expect.objectContaining({ code: 'invalid_api_key', status: 401, retryable: false }));
    expect(messageOf(admit)).toContain(`expired at ${expires}`);
    expect(ring.admit(digest('sk-alice-new'), expiresEpochMs)?.id).toBe('alice');
  });

  it.each(['2027-01-31', '2027-01-31T00:00:00', 'tomorrow', '2027-02-30T00:00:00Z', ''])(
    'is refused in a configuration without a real moment: %j',
    (moment) => {
      const read = () => keyOf('alice', 'sk-alice', { expires: moment });
      expect(read).toThrow(/with its zone, such as/);
    },
  );
});
