import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcomeOf, standOf } from '../clients/run.ts';
import { startBacking, startOurs, type Backing, type OurStand } from '../clients/stand.ts';
import { openClients } from '../clients/suite.ts';

const clients = await openClients();

let backing: Backing;
let ours: OurStand;
beforeAll(async () => {
  backing = await startBacking();
  ours = await startOurs(backing);
});
afterAll(async () => {
  await Promise.all([ours?.stop(), ...clients.map((client) => client.close?.())]);
  await backing?.close();
});

describe.each(clients.map((client, at) => ({ ...client, at })))('a user of $name', (client) => {
  if (client.missing !== undefined) process.stdout.write(`${client.name} is left out: ${client.missing}\n`);

  it.skipIf(client.missing !== undefined).each(client.behaviours)('notices that $name', async (behaviour) => {
    expect(await outcomeOf(behaviour, standOf(ours, client.at), client)).toEqual({ kind: 'is so' });
  });
});

describe('the suite', () => {
  it('has more than eighty behaviours, and no two of a client with one name', () => {
    const names = clients.flatMap(({ name, behaviours }) =>
      behaviours.map((behaviour) => `${name}: ${behaviour.name}`),
    );
    expect(names.length).toBeGreaterThan(80);
    expect(new Set(names).size).toBe(names.length);
  });
});
