import { integrationRights, servedRights } from '@qwenfleet/charts/rights';
import { expect, it } from 'vitest';
import { routerRules } from '../harness/router-role.ts';

type Granted = { groups: readonly string[]; resources: readonly string[]; verbs: readonly string[] };

/** `verb group/resource`, one for each thing that is allowed. */
const atoms = (granted: readonly Granted[]): string[] =>
  granted.flatMap(({ groups, resources, verbs }) =>
    groups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
  );

it('the operator may do all that it grants to a router, or the API server would refuse the grant', () => {
  const held = atoms(
    [...servedRights, ...Object.values(integrationRights).flat()].map(({ apiGroup, resources, verbs }) => ({
      groups: [apiGroup],
      resources,
      verbs,
    })),
  );
  const granted = atoms(
    routerRules('router').map(({ apiGroups = [], resources = [], verbs }) => ({ groups: apiGroups, resources, verbs })),
  );
  expect(granted.filter((right) => !held.includes(right))).toEqual([]);
  expect(granted.length).toBeGreaterThan(8);
});
