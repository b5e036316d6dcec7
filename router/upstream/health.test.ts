import { describe, expect, it } from 'vitest';
import { Health } from './health.ts';
import { isError, type Outcome } from './outcome.ts';

const broken: Outcome = { kind: 'broken' };
const erred: Outcome = { kind: 'erred' };
const never = () => 0;

function learns(health: Health, outcome: Outcome, at: { sentMs: number; nowMs: number; expendable?: boolean }): void {
  health.learn(outcome, { expendable: true, ...at }, never);
}

describe('a replica that cannot be reached', () => {
  it('is left alone, each time longer, and comes back by itself', () => {
    const health = new Health();
    const restsMs: number[] = [];
    let nowMs = 0;
    for (let round = 0; round < 8; round += 1) {
      health.asked(nowMs);
      learns(health, broken, { sentMs: nowMs, nowMs: nowMs + 1 });
      expect(health.open(nowMs + 1)).toBe(false);
      restsMs.push(health.opensMs - nowMs - 1);
      nowMs = health.opensMs;
      expect(health.open(nowMs)).toBe(true);
    }
    expect(restsMs).toEqual([500, 1_000, 2_000, 4_000, 7_500, 7_500, 7_500, 7_500]);
  });

  it('counts once for all the requests that it took with it', () => {
    const health = new Health();
    for (let request = 0; request < 50; request += 1) learns(health, broken, { sentMs: request / 100, nowMs: 10 });
    expect(health.opensMs).toBe(510);
    expect(health.down(10)).toBe(false);
  });

  it('is down after the third failure in a row, until it may be tried again', () => {
    const health = new Health();
    for (const atMs of [0, 10_000, 20_000]) {
      expect(health.down(atMs)).toBe(false);
      learns(health, broken, { sentMs: atMs, nowMs: atMs });
    }
    expect(health.down(20_001)).toBe(true);
    expect(health.down(health.opensMs)).toBe(false);
  });

  it('is tried with one request before it gets more', () => {
    const health = new Health();
    learns(health, broken, { sentMs: 0, nowMs: 1 });
    expect(health.open(600)).toBe(true);
    health.asked(600);
    expect(health.open(600)).toBe(false);
    health.began();
    expect(health.open(601)).toBe(true);
  });

  it('is tried with another after a second, since a whole answer may take minutes', () => {
    const health = new Health();
    learns(health, broken, { sentMs: 0, nowMs: 1 });
    health.asked(600);
    expect([health.open(1_599), health.open(1_600)]).toEqual([false, true]);
    health.asked(1_600);
    expect(health.open(1_601)).toBe(false);
  });

  it('is tried again when the client of the trial has left', () => {
    const health = new Health();
    learns(health, broken, { sentMs: 0, nowMs: 1 });
    health.asked(600);
    learns(health, { kind: 'left' }, { sentMs: 600, nowMs: 700 });
    expect(health.open(700)).toBe(true);
  });

  it('is not cleared by a request from before that was given up', () => {
    const health = new Health();
    learns(health, broken, { sentMs: 0, nowMs: 1 });
    health.asked(600);
    learns(health, { kind: 'left' }, { sentMs: 0.5, nowMs: 700 });
    expect(health.open(700)).toBe(false);
  });
});

describe('a replica that answers with errors', () => {
  it('is not blamed for a few: a request may be to blame', () => {
    const health = new Health();
    for (let round = 0; round < 4; round += 1) learns(health, erred, { sentMs: round, nowMs: round });
    learns(health, { kind: 'answered' }, { sentMs: 5, nowMs: 5 });
    for (let round = 0; round < 4; round += 1) learns(health, erred, { sentMs: round + 6, nowMs: round + 6 });
    expect(health.open(10)).toBe(true);
  });

  it('is left alone after five in a row, as long as enough others are well', () => {
    const [spare, needed] = [new Health(), new Health()];
    for (let round = 0; round < 5; round += 1) {
      learns(spare, erred, { sentMs: round, nowMs: round });
      learns(needed, erred, { sentMs: round, nowMs: round, expendable: false });
    }
    expect(spare.open(5)).toBe(false);
    expect(needed.open(5)).toBe(true);
  });
});

describe('a replica that says it is busy', () => {
  it('is left alone for as long as it asks, and no longer than a quarter of a minute', () => {
    const health = new Health();
    learns(health, { kind: 'busy', status: 429, retryAfterMs: 3_000 }, { sentMs: 0, nowMs: 0 });
    expect([health.open(2_999), health.open(3_000)]).toEqual([false, true]);
    learns(health, { kind: 'busy', status: 503, retryAfterMs: 3_600_000 }, { sentMs: 5_000, nowMs: 5_000 });
    expect(health.open(20_000)).toBe(true);
    expect(health.down(6_000)).toBe(false);
  });
});

describe('what counts as an error of a pool', () => {
  it.each<[boolean, Outcome]>([
    [true, broken],
    [true, erred],
    [true, { kind: 'busy', status: 503, retryAfterMs: undefined }],
    [false, { kind: 'busy', status: 429, retryAfterMs: undefined }],
    [false, { kind: 'left' }],
    [false, { kind: 'answered' }],
  ])('%s: %j', (expected, outcome) => {
    expect(isError(outcome)).toBe(expected);
  });
});
