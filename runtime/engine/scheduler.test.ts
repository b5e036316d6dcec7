import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import type { GenerationRequest } from './generation.ts';
import type { SlotMove } from './prefix-cache.ts';
import { chunkTokensMin, preemptionsMax, Scheduler, wholeChunkPast, type SchedulerLimits } from './scheduler.ts';
import { priorityOf, type Sequence } from './sequence.ts';

const limits: SchedulerLimits = { slots: 4, slotTokens: 64, prefillChunkTokens: 8, queueMax: 16 };

function sequenceOf(promptTokens: number, maxTokens = 8, changes: Partial<GenerationRequest> = {}): Sequence {
  const prompt = Array.from({ length: promptTokens }, (_, index) => index);
  return {
    request: {
      id: 'test',
      promptTokens: prompt,
      maxTokens,
      sampling: {
        temperature: 0,
        topK: 0,
        topP: 1,
        minP: 0,
        presencePenalty: 0,
        frequencyPenalty: 0,
        repetitionPenalty: 1,
        logitBias: new Map(),
        seed: 1,
      },
      stopTokens: new Set(),
      signal: new AbortController().signal,
      ...changes,
    },
    phase: 'waiting',
    slot: -1,
    tokens: [...prompt],
    cached: 0,
    reused: 0,
    maxTokens: 0,
    arrival: 0,
    preemptions: 0,
    arrivedMs: 0,
    startedMs: 0,
    firstTokenMs: 0,
  };
}

/** Runs one step as an engine would: a token for each row with logits, the finished removed. Returns what was moved. */
function turn(
  scheduler: Scheduler,
  onAdmit: (admitted: ReturnType<Scheduler['admit']>) => void = () => undefined,
): { kind: string; finished: Sequence[]; moves: SlotMove[]; width: number } | undefined {
  onAdmit(scheduler.admit());
  const scheduled = scheduler.next();
  if (!scheduled) return undefined;
  const moves = scheduler.computed(scheduled);
  const finished: Sequence[] = [];
  if (scheduled.step.wantLogits) {
    const { followers, moves: shared } = scheduler.share(scheduled);
    moves.push(...shared);
    for (const sequence of [...scheduled.sequences, ...followers]) {
      sequence.tokens.push(7);
      if (sequence.tokens.length - sequence.request.promptTokens.length < sequence.maxTokens) continue;
      finished.push(sequence);
      moves.push(...scheduler.remove(sequence));
    }
  }
  return { kind: scheduled.kind, finished, moves, width: scheduled.step.rows[0]?.tokens.length ?? 0 };
}

describe('a scheduler', () => {
  it('computes a long prompt in chunks, and asks for logits with the last only', () => {
    const scheduler = new Scheduler(limits);
    scheduler.add(sequenceOf(20));
    scheduler.admit();
    const seen = [];
    for (let index = 0; index < 4; index += 1) {
      const scheduled = scheduler.next();
      if (!scheduled) break;
      seen.push([
        scheduled.kind,
        scheduled.step.rows[0]?.tokens.length,
        scheduled.step.rows[0]?.past,
        scheduled.step.wantLogits,
      ]);
      scheduler.computed(scheduled);
      if (scheduled.step.wantLogits) scheduled.sequences[0]?.tokens.push(1);
    }
    expect(seen).toEqual([
      ['prefill', 8, 0, false],
      ['prefill', 8, 8, false],
      ['prefill', 4, 16, true],
      ['decode', 1, 20, true],
    ]);
  });

  it('never lets running streams wait for more than one chunk of somebody else', () => {
    const scheduler = new Scheduler(limits);
    scheduler.add(sequenceOf(2, 40));
    turn(scheduler);
    scheduler.add(sequenceOf(50));
    scheduler.add(sequenceOf(50));
    const kinds = Array.from({ length: 20 }, () => turn(scheduler)?.kind);
    for (let index = 1; index < kinds.length; index += 1) {
      expect(kinds[index] === 'prefill' && kinds[index - 1] === 'prefill').toBe(false);
    }
  });

  it('takes smaller chunks of a long prompt the further it is, while others wait for them', () => {
    const chunksOf = (waitedFor: boolean): Map<number, number> => {
      const scheduler = new Scheduler({ ...limits, slotTokens: 40_000, prefillChunkTokens: 128 });
      if (waitedFor) scheduler.add(sequenceOf(2, 30_000));
      if (waitedFor) turn(scheduler);
      scheduler.add(sequenceOf(32_768));
      const widths = new Map<number, number>();
      for (let past = 0; past < 32_768;) {
        const { kind, width = 0 } = turn(scheduler) ?? { kind: 'none' };
        if (kind !== 'prefill') continue;
        widths.set(past, width);
        past += width;
      }
      return widths;
    };
    expect(new Set(chunksOf(false).values())).toEqual(new Set([128]));
    const widths = [...chunksOf(true)];
    for (const [past, width] of widths) {
      if (past <= wholeChunkPast) expect(width).toBe(128);
      // What attention looks at in one chunk.
      else expect(width * past).toBeLessThanOrEqual(Math.max(128 * wholeChunkPast, chunkTokensMin * past));
    }
    // The last is what is left.
    expect(new Set(widths.slice(0, -1).map(([, width]) => width))).toEqual(new Set([128, 112, 96, 80, 64, 48, 32]));
  });

  it('refuses a prompt that leaves no room, naming both numbers', () => {
    const scheduler = new Scheduler(limits);
    expect(() => scheduler.add(sequenceOf(64))).toThrow(/64 tokens.*holds 64/);
    expect(() => scheduler.add(sequenceOf(63))).not.toThrow();
  });

  it('refuses one more than may wait', () => {
    const scheduler = new Scheduler({ ...limits, slots: 1, queueMax: 2 });
    for (let index = 0; index < 3; index += 1) scheduler.add(sequenceOf(2));
    expect(() => scheduler.add(sequenceOf(2))).toThrow(FleetError);
    scheduler.admit();
    expect(() => scheduler.add(sequenceOf(2))).toThrow(/2 requests wait/);
  });

  it('cuts an answer to what fits the context', () => {
    const scheduler = new Scheduler(limits);
    const sequence = sequenceOf(60, 1_000);
    scheduler.add(sequence);
    expect(sequence.maxTokens).toBe(4);
  });

  it('serves in the order of arrival', () => {
    const scheduler = new Scheduler({ ...limits, slots: 1 });
    const sequences = [sequenceOf(3, 2), sequenceOf(3, 2), sequenceOf(3, 2)];
    for (const sequence of sequences) scheduler.add(sequence);
    const order: Sequence[] = [];
    for (let step = turn(scheduler); step; step = turn(scheduler)) order.push(...step.finished);
    expect(order).toEqual(sequences);
  });

  it('serves the better priority first, and within one in the order of arrival', () => {
    const scheduler = new Scheduler({ ...limits, slots: 1 });
    const sequences = [2, 0, -1, 0, 2, -1].map((priority) => sequenceOf(3, 2, { priority }));
    for (const sequence of sequences) scheduler.add(sequence);
    const order: number[] = [];
    for (let step = turn(scheduler); step; step = turn(scheduler))
      order.push(...step.finished.map((sequence) => sequences.indexOf(sequence)));
    expect(order).toEqual([2, 5, 1, 3, 0, 4]);
  });

  it('takes a slot from the worst priority, and of that from the one that came last', () => {
    const scheduler = new Scheduler({ ...limits, slots: 3 });
    const [first, worst, worstLast] = [1, 5, 5].map((priority) => sequenceOf(3, 20, { priority }));
    for (const sequence of [first, worst, worstLast]) if (sequence) scheduler.add(sequence);
    for (let step = 0; step < 6; step += 1) turn(scheduler);
    const answered = worstLast?.tokens.length;
    const urgent = [0, 0, 5].map((priority) => sequenceOf(3, 20, { priority }));
    for (const sequence of urgent) scheduler.add(sequence);
    expect(scheduler.admit().preempted).toEqual([worstLast, worst]);
    expect(scheduler.running).toEqual([first, urgent[0], urgent[1]]);
    expect(scheduler.waiting).toEqual([worst, worstLast, urgent[2]]);
    expect(worstLast).toMatchObject({ phase: 'waiting', slot: -1, cached: 0, preemptions: 1 });
    expect(worstLast?.tokens).toHaveLength(answered ?? 0);
  });

  it('takes no slot from its equals, and none from one that has lost it too often', () => {
    const scheduler = new Scheduler({ ...limits, slots: 1 });
    const patient = sequenceOf(3, 20, { priority: 9 });
    scheduler.add(patient);
    scheduler.admit();
    for (let round = 0; round <= preemptionsMax; round += 1) {
      for (const priority of [9, 0]) scheduler.add(sequenceOf(3, 2, { priority }));
      expect(scheduler.admit().preempted).toEqual(round < preemptionsMax ? [patient] : []);
      const [urgent] = scheduler.running;
      if (urgent && urgent !== patient) scheduler.remove(urgent);
      scheduler.admit();
      expect(scheduler.running).toEqual([patient]);
    }
  });

  it('computes what it preempted again with the answer so far, and asks for the next token only', () => {
    const scheduler = new Scheduler({ ...limits, slots: 1, prefillChunkTokens: 16 });
    const sequence = sequenceOf(20, 20, { priority: 1 });
    scheduler.add(sequence);
    while (sequence.tokens.length < 25) turn(scheduler);
    const urgent = sequenceOf(3, 20);
    scheduler.add(urgent);
    scheduler.admit();
    scheduler.remove(urgent);
    scheduler.admit();
    const steps = [];
    while (sequence.phase === 'prefilling') {
      const scheduled = scheduler.next();
      if (!scheduled) throw new Error('nothing to do');
      scheduler.computed(scheduled);
      const [{ tokens, past } = { tokens: [], past: 0 }] = scheduled.step.rows;
      steps.push({ tokens, past, wantLogits: scheduled.step.wantLogits });
    }
    expect(steps).toEqual([
      { tokens: sequence.tokens.slice(0, 16), past: 0, wantLogits: false },
      { tokens: sequence.tokens.slice(16), past: 16, wantLogits: true },
    ]);
  });

  it('computes a long prompt to its end, however many short ones come and go beside it', () => {
    const scheduler = new Scheduler({ ...limits, slots: 3 });
    scheduler.add(sequenceOf(1, 2));
    const long = sequenceOf(60);
    scheduler.add(long);
    for (let step = 0; step < 40 && long.phase !== 'decoding'; step += 1) {
      if (scheduler.waiting.length < 2) scheduler.add(sequenceOf(1, 1));
      turn(scheduler);
    }
    expect(long.phase).toBe('decoding');
  });

  it('computes the prompt of the better priority first, whatever has begun', () => {
    const scheduler = new Scheduler({ ...limits, slots: 3 });
    const [long, urgent] = [sequenceOf(60), sequenceOf(20, 2, { priority: -1 })];
    scheduler.add(long);
    turn(scheduler);
    scheduler.add(urgent);
    const done = Array.from({ length: 5 }, () => turn(scheduler)?.finished ?? []).flat();
    expect(done).toEqual([urgent]);
    expect(long).toMatchObject({ phase: 'prefilling', preemptions: 0 });
    expect(long.cached).toBeGreaterThanOrEqual(8);
  });

  it('keeps its promises under any mix of arrivals, priorities, lengths and departures', () => {
    const arrival = fc.record({
      prompt: fc.integer({ min: 1, max: 63 }),
      max: fc.integer({ min: 1, max: 20 }),
      choices: fc.integer({ min: 1, max: 4 }),
      priority: fc.integer({ min: -2, max: 2 }),
    });
    const action = fc.oneof(arrival, fc.constant('turn' as const), fc.record({ leave: fc.nat({ max: 30 }) }));
    let preemptedInAll = 0;
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), fc.integer({ min: 1, max: 6 }), (actions, slots) => {
        const scheduler = new Scheduler({ ...limits, slots });
        const ended = new Map<Sequence, number>();
        const all: Sequence[] = [];
        const lastStarted = new Map<number, number>();
        let preemptions = 0;
        const end = (sequence: Sequence): Map<Sequence, number> => ended.set(sequence, (ended.get(sequence) ?? 0) + 1);
        const step = (): boolean => {
          const done = turn(scheduler, ({ started, preempted }) => {
            expectInTurn(scheduler, started, lastStarted);
            preemptions += preempted.length;
          });
          for (const sequence of done?.finished ?? []) end(sequence);
          expectSound(scheduler, slots);
          return done !== undefined;
        };
        for (const each of actions) {
          if (each === 'turn') step();
          else if ('leave' in each) {
            const leaving = all.filter((sequence) => !ended.has(sequence))[each.leave];
            if (!leaving) continue;
            scheduler.remove(leaving);
            end(leaving);
            expectSound(scheduler, slots);
          } else if (scheduler.waiting.length < limits.queueMax) {
            const group = each.choices > 1 ? { promptGroup: Symbol('choices') } : {};
            for (let choice = 0; choice < each.choices && scheduler.waiting.length < limits.queueMax; choice += 1) {
              const sequence = sequenceOf(each.prompt, each.max, { priority: each.priority, ...group });
              all.push(sequence);
              scheduler.add(sequence);
            }
          }
        }
        const lost = all.filter((sequence) => !ended.has(sequence));
        expect(new Set([...scheduler.running, ...scheduler.waiting])).toEqual(new Set(lost));
        let steps = 0;
        while (step()) expect((steps += 1)).toBeLessThan(10_000);
        expect([...ended.values()].every((times) => times === 1)).toBe(true);
        expect(ended.size).toBe(all.length);
        expect(scheduler.running).toEqual([]);
        expect(scheduler.waiting).toEqual([]);
        expect(preemptions).toBeLessThanOrEqual(all.length);
        preemptedInAll += preemptions;
      }),
      { numRuns: 200 },
    );
    expect(preemptedInAll).toBeGreaterThan(0);
  });
});

/** Nobody waits who goes before one that could be preempted, and within one priority nobody is overtaken. */
function expectInTurn(
  { running, waiting }: Scheduler,
  started: readonly Sequence[],
  lastStarted: Map<number, number>,
): void {
  const worst = Math.max(...running.filter((each) => each.preemptions < preemptionsMax).map(priorityOf));
  for (const sequence of waiting) expect(priorityOf(sequence)).toBeGreaterThanOrEqual(worst);
  for (const sequence of [...running, ...waiting]) expect(sequence.preemptions).toBeLessThanOrEqual(preemptionsMax);
  for (const sequence of started.filter((each) => each.preemptions === 0)) {
    expect(sequence.arrival).toBeGreaterThan(lastStarted.get(priorityOf(sequence)) ?? -1);
    lastStarted.set(priorityOf(sequence), sequence.arrival);
  }
}

function expectSound(scheduler: Scheduler, slots: number): void {
  expect(scheduler.running.length).toBeLessThanOrEqual(slots);
  scheduler.running.forEach((sequence, index) => expect(sequence.slot).toBe(index));
  const firstPrefill = scheduler.running.findIndex((sequence) => sequence.phase === 'prefilling');
  const lastDecode = scheduler.running.findLastIndex((sequence) => sequence.phase === 'decoding');
  if (firstPrefill !== -1) expect(lastDecode).toBeLessThan(firstPrefill);
  for (const sequence of scheduler.running) expect(sequence.cached).toBeLessThanOrEqual(limits.slotTokens);
}
