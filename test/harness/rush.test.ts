import { describe, expect, it } from 'vitest';
import type { TapEvent } from './request-tap.ts';
import { inFlightMax, overheadsMs } from './rush.ts';

const event = (what: TapEvent['what'], atMs: number, id = ''): TapEvent => ({ what, id, atMs });
const asked = (id: string, answeredMs: number, sentMs = 0) => ({ id, status: 200, sentMs, answeredMs });

/** A pool with two places that is ready at 100, and three requests. */
const events = [
  event('ready', 100),
  event('came', 103, 'a'),
  event('came', 104, 'b'),
  event('left', 150, 'b'),
  event('came', 155, 'c'),
  event('left', 160, 'a'),
  event('left', 200, 'c'),
];

describe('the overhead of a start', () => {
  it('is the time in which a place was free, and the way back', () => {
    const rushed = [asked('a', 161), asked('b', 152), asked('c', 203)];
    expect(overheadsMs(rushed, events, 2)).toEqual([3 + 1, 4 + 2, 5 + 3]);
  });

  it('does not begin before the request does', () => {
    expect(overheadsMs([asked('c', 200, 153)], events, 2)).toEqual([2]);
  });

  it('is counted of requests that were answered', () => {
    expect(overheadsMs([asked('a', 161), asked('lost', 500)], events, 2)).toEqual([4]);
  });
});

it('as many are in flight as have come and not left', () => {
  expect(inFlightMax(events)).toBe(2);
  expect(inFlightMax([...events, event('came', 210), event('came', 211), event('came', 212)])).toBe(3);
});
