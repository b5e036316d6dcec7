import { describe, expect, it } from 'vitest';
import { ManualClock } from '@qwenfleet/core/clock';
import { loadedModelSchema } from '@qwenfleet/core/load/status';
import { collect, rejection, requestOf } from './fixtures/generation.ts';
import { fakeModel } from './fixtures/served.ts';
import { Resident, type Outcome } from './resident.ts';

function residentOf(stepMs = 0) {
  const clock = new ManualClock(1_700_000_000_000);
  const model = fakeModel({ clock, stepMs: () => stepMs });
  return { clock, ...model, resident: new Resident(3, { uri: 'file:///x' }, model.loaded, clock) };
}
const nothing = (): void => undefined;

describe('a model that is resident', () => {
  it('counts the requests that hold it, each once however often it says that it has ended', () => {
    const { resident } = residentOf();
    const outcomes: Outcome[] = [];
    const [first, second] = [resident.admit((outcome) => outcomes.push(outcome)), resident.admit(nothing)];
    expect(resident.requests).toBe(2);
    first.end('ok');
    first.end('error');
    expect(resident.requests).toBe(1);
    expect(outcomes).toEqual(['ok']);
    second.end('cancelled');
    expect(resident.requests).toBe(0);
  });

  it('tells what it is, as the schema has it', () => {
    const { resident } = residentOf();
    resident.admit(nothing);
    expect(loadedModelSchema.parse(resident.status)).toEqual(resident.status);
    expect(resident.status).toMatchObject({ generation: 3, requests: 1, loadedAt: '2023-11-14T22:13:20.000Z' });
  });

  it('settles at once when nobody holds it', async () => {
    const { resident, clock } = residentOf();
    const settled = resident.settle(60_000);
    await clock.advance(0);
    expect(await settled).toBe(true);
  });

  it('waits for answers to be whole, not only for the engine to rest', async () => {
    const { resident, clock } = residentOf();
    const ticket = resident.admit(nothing);
    let settled = false;
    const settling = resident.settle(60_000).then((rests) => (settled = rests));
    await clock.advance(30_000);
    expect(settled).toBe(false);
    ticket.end('ok');
    await clock.advance(0);
    await settling;
    expect(settled).toBe(true);
  });

  it('waits for those that came while it waited', async () => {
    const { resident, clock } = residentOf();
    const first = resident.admit(nothing);
    const settling = resident.settle(60_000);
    const second = resident.admit(nothing);
    first.end('ok');
    await clock.advance(1_000);
    expect(resident.requests).toBe(1);
    second.end('ok');
    await clock.advance(0);
    expect(await settling).toBe(true);
  });

  it('ends what is not done after the grace, and gives its last words time', async () => {
    const { resident, clock, engine } = residentOf(10);
    const ticket = resident.admit(nothing);
    const answer = rejection(collect(engine, requestOf([1], { maxTokens: 150 }))).finally(() => ticket.end('error'));
    const settling = resident.settle(100);
    await clock.advance(5_000);
    expect(await answer).toMatchObject({ code: 'shutting_down' });
    expect(await settling).toBe(true);
    expect(resident.requests).toBe(0);
  });

  it('says when a step hangs, and does not wait for ever', async () => {
    const { resident, clock, engine } = residentOf(1e9);
    const ticket = resident.admit(nothing);
    const answer = rejection(collect(engine, requestOf([1]))).finally(() => ticket.end('error'));
    const settling = resident.settle(100);
    await clock.advance(120_000);
    expect(await settling).toBe(false);
    expect(await answer).toMatchObject({ code: 'shutting_down' });
  });
});
