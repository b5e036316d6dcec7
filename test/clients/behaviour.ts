import assert from 'node:assert/strict';

/** What may stand behind an endpoint, and what may be known of it. An endpoint that has less is asked for less. */
export type Parts = {
  /** Name of a model that draws from weights, for what only an engine can do. */
  model: string;
  /** Name of the model whose answers are written in `plays.ts`. */
  script: string;
  /** Name of a model that makes vectors. */
  vectors: string;
  /** Name of a model that has no server. */
  down: string;
  /** A key that is known, and no longer good. */
  expiredKey: string;
  /** A key that may ask for `model` and nothing else. */
  narrowKey: string;
  /** A key that has one request a minute. */
  spentKey: string;
  /** A key that has fewer tokens a minute than any request needs. */
  poorKey: string;
  /** A key with a quota that nobody will use up here. */
  countedKey: string;
  /** The largest body that is taken. */
  bodyBytesMax: number;
};
export type Part = keyof Parts;

/** An endpoint that is asked. `url` ends in `/v1`. */
export type Stand = { url: string; key: string } & Partial<Parts>;
export type FullStand = { url: string; key: string } & Parts;

/** One thing that a user of a client notices. */
export type Behaviour = {
  /** As the user would say it, after the client's name. */
  name: string;
  needs: readonly Part[];
  /** Throws when it is not so. Parts that it does not need may be missing. */
  run: (stand: FullStand) => Promise<void>;
};

/** A client library, and what its users notice. */
export type Client = {
  name: string;
  version: string;
  behaviours: readonly Behaviour[];
  /** Why it cannot run on this machine. */
  missing?: string;
  close?: () => Promise<void>;
};

/** The error that the work ends with. Throws when it ends well, or with an error of another kind. */
export async function rejection<T extends Error>(
  work: PromiseLike<unknown>,
  kind: abstract new (...args: never[]) => T,
): Promise<T> {
  const seen = await Promise.resolve(work).then(
    (value: unknown) => ({ value }),
    (thrown: unknown) => ({ thrown }),
  );
  assert.ok('thrown' in seen, `it ended well, where ${kind.name} was due`);
  const { thrown } = seen;
  assert.ok(thrown instanceof kind, `${String(thrown)} is no ${kind.name}`);
  return thrown;
}

/** One message of a user. */
export const user = (content: string): { role: 'user'; content: string } => ({ role: 'user', content });

/** Asks the model of `plays.ts` for one of its answers. */
export const play = (name: string, argument = ''): { role: 'user'; content: string } =>
  user(`play ${name} ${argument}`.trim());

/** A name that no other behaviour of this run uses. */
export const unique = (): string => `${process.pid}-${(names += 1)}`;
let names = 0;

/** A function that a model may call. */
export const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    strict: true,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 8 } },
      required: ['city'],
      additionalProperties: false,
    },
  },
};

/** Small enough for a model of random weights to get to its end. */
export const citySchema = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const, maxLength: 6 }, large: { type: 'boolean' as const } },
  required: ['city', 'large'],
  additionalProperties: false as const,
};

export type City = { city: string; large: boolean };

export function assertCity(value: unknown): asserts value is City {
  assert.ok(typeof value === 'object' && value !== null, `${JSON.stringify(value)} is no city`);
  assert.deepEqual(Object.keys(value).toSorted(), ['city', 'large']);
  assert.equal(typeof Reflect.get(value, 'city'), 'string');
  assert.equal(typeof Reflect.get(value, 'large'), 'boolean');
}
