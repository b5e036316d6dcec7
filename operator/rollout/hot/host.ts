import type { RolloutState } from '../types.ts';

/** The revision that the workload of a revision is named after: another one, once it came into running engines. */
export const hostOf = ({ hosts }: Pick<RolloutState, 'hosts'>, revision: string): string => hosts[revision] ?? revision;

/** The revision that a workload runs. While its engines change, it is the one that they come from. */
export function hostedBy(
  { hosts, update, hot }: Pick<RolloutState, 'hosts' | 'update' | 'hot'>,
  workload: string,
): string {
  const own = Object.keys(hosts).filter((revision) => hosts[revision] === workload);
  return own.find((revision) => !(hot && revision === update)) ?? workload;
}

/** Does the workload that is named after a revision run another one? Then this one can be had in that workload only. */
export const isTaken = ({ hosts }: Pick<RolloutState, 'hosts'>, revision: string): boolean =>
  Object.entries(hosts).some(([other, workload]) => workload === revision && other !== revision);

/** Of what serves, comes or still has replicas; the others are forgotten. */
export const hostsKept = ({ hosts, current, update, told }: RolloutState): RolloutState['hosts'] =>
  Object.fromEntries(
    Object.entries(hosts).filter(
      ([revision, workload]) =>
        revision !== workload && (revision === current || revision === update || (told[revision] ?? 0) > 0),
    ),
  );

/** The state in which a revision comes into the engines of the one that serves. */
export const hosted = (state: RolloutState, revision: string): RolloutState['hosts'] => ({
  ...state.hosts,
  [revision]: hostOf(state, state.current),
});

/** The state in which a revision has a workload of its own again. */
export const unhosted = ({ hosts }: RolloutState, revision: string): RolloutState['hosts'] =>
  Object.fromEntries(Object.entries(hosts).filter(([other]) => other !== revision));
