import type { ManyReport } from './measure.ts';

/** The promises of docs/promises.md that a report says something about, each as one number. */
export function valuesOf({ writes, rising, rest, memory }: ManyReport): Record<string, number> {
  // What a class has free follows every pod of the cluster; it is no object that comes up.
  const objects = writes.filter(({ kind }) => kind !== 'hardwareclasses');
  return {
    'operator.writes-per-object': Math.max(...objects.map(({ max }) => max)),
    'operator.writes-at-rest': rest.writes.length,
    'operator.queue-wait-seconds': Math.max(rising.queueWaitSeconds, rest.queueWaitSeconds),
    'operator.memory-mb': Math.ceil(memory.maxBytes / 1e6),
    'operator.loop-lag-ms': Math.ceil(Math.max(rising.loopLagMs, rest.loopLagMs)),
  };
}

/** What a number was measured on. */
export const conditionsOf = ({ size, perSecond, rising, rest }: ManyReport): string =>
  `${size.pools} pools, ${size.pools * size.replicas} pods in ${size.namespaces} namespaces, created ${perSecond === undefined ? 'all at once' : `${perSecond} a second`}; up in ${Math.round(rising.seconds)} s, then ${Math.round(rest.seconds)} s at rest`;
