import fc from 'fast-check';
import { hashText } from '../policy/hash.ts';
import type { ReplicaView } from '../policy/replica.ts';

export type NamedReplica = ReplicaView & { id: string };

/** A replica with nothing to do and room for a thousand. */
export const replicaOf = (id: string, more: Partial<ReplicaView> = {}): NamedReplica => ({
  id,
  hash: hashText(id, 0, id.length),
  inFlight: 0,
  concurrency: 1_000,
  weight: 1,
  askedLast: 0,
  ...more,
});

/** Names such as pods have. */
export const replicasOf = (count: number): NamedReplica[] =>
  Array.from({ length: count }, (_, at) => replicaOf(`qwen-7b-6c9f-${at}`));

const anyReplica = fc.record({
  id: fc.string({ minLength: 1, maxLength: 12 }),
  inFlight: fc.nat(9),
  concurrency: fc.integer({ min: 1, max: 8 }),
  weight: fc.double({ min: 0.1, max: 1, noNaN: true }),
  askedLast: fc.nat(20),
});

/** Replicas with different names and any loads, the full and the new among them. */
export const anyReplicas = fc
  .uniqueArray(anyReplica, { selector: ({ id }) => id, maxLength: 12 })
  .map((given) => given.map(({ id, ...more }) => replicaOf(id, more)));

export const anyKey = fc.nat(2 ** 32 - 1);
