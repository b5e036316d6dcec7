import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { play, type FullStand } from './behaviour.ts';

export async function piecesOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const pieces: T[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

/** A server notices a reader who left within this time, or never. */
const noticeMsMax = 5_000;

/** Waits until the server of `plays.ts` has noticed that the reader of `play endless NAME` left. */
export async function assertLeft({ url, key, script }: FullStand, name: string): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ model: script, messages: [play('left', name)] });
  for (const fromMs = performance.now(); performance.now() < fromMs + noticeMsMax; await sleep(10)) {
    const answer = await fetch(`${url}/chat/completions`, { method: 'POST', headers, body });
    if ((await answer.text()).includes('"yes"')) return;
  }
  assert.fail('the server was never told that its reader had left');
}
