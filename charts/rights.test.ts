import { describe, expect, it } from 'vitest';
import { clusterRights, hardwareRights, homeRights, integrationRights, servedRights, type Right } from './rights.ts';
import { valuesSchema } from './values.ts';

/** `verb group/resource`, one for each thing that a Role allows. */
const atoms = (rights: readonly Right[]): string[] =>
  rights.flatMap(({ apiGroup, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${apiGroup}/${resource}`)),
  );

const served = atoms([...servedRights, ...Object.values(integrationRights).flat()]);
const everything = [...served, ...atoms([...clusterRights, ...homeRights])];

describe('what the operator may do', () => {
  it('has no wildcard, and no way to more rights', () => {
    expect(
      everything.filter((right) =>
        /\*|escalate|bind |impersonate|clusterrole|\/token|\/exec|certificatesigning/.test(right),
      ),
    ).toEqual([]);
  });

  it('writes into the cluster only what became of hardware classes', () => {
    const writes = atoms(clusterRights).filter((right) => !/^(get|list|watch) /.test(right));
    expect(writes).toEqual([
      'patch qwenfleet.io/hardwareclasses/status',
      'update qwenfleet.io/hardwareclasses/finalizers',
    ]);
  });

  it('leaves pods, claims and what users want as they are', () => {
    const writes = served.filter((right) => !/^(get|list|watch) /.test(right));
    expect(
      writes.filter((right) => /\/(pods|persistentvolumeclaims|qwendeployments|qwenrouters)$/.test(right)),
    ).toEqual([]);
  });

  it('is said once each, with a reason', () => {
    expect(new Set(served).size).toBe(served.length);
    const rights = [...servedRights, ...clusterRights, ...homeRights, ...Object.values(integrationRights).flat()];
    expect(rights.filter(({ why }) => why.length < 8)).toEqual([]);
  });

  it('in the cluster, with a list of namespaces, is reading hardware classes', () => {
    expect(atoms(hardwareRights)).toEqual(
      ['get', 'list', 'watch'].map((verb) => `${verb} qwenfleet.io/hardwareclasses`),
    );
  });

  it('has a value for each optional kind', () => {
    expect(Object.keys(integrationRights).toSorted()).toEqual(
      Object.keys(valuesSchema.parse({}).integrations).toSorted(),
    );
  });
});
