import os from 'node:os';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import type { ThreadWorkTask } from '../fixtures/thread-work.ts';
import { rejection } from '../fixtures/generation.ts';
import { onThread, type ThreadOptions } from './thread.ts';

const module = new URL('../fixtures/thread-work.ts', import.meta.url);
const asked = (task: ThreadWorkTask, options: ThreadOptions = {}): Promise<unknown> => onThread(module, task, options);

describe('work on a thread of its own', () => {
  it('has an answer, and says how far it is', async () => {
    const said: unknown[] = [];
    const own = os.getPriority(0);
    const onProgress = (...progress: unknown[]): void => void said.push(progress);
    expect(await asked('priority', { onProgress })).toBe(own);
    expect(said).toEqual([['priority', 1, 2]]);
  });

  it.runIf(process.platform === 'linux')('gives way to this one, which stays as it is', async () => {
    const own = os.getPriority(0);
    expect(await asked('priority', { givesWay: true })).toBe(Math.min(19, own + 5));
    expect(os.getPriority(0)).toBe(own);
  });

  it('keeps the code of what it failed with, and what is internal to itself', async () => {
    const refused = await rejection(asked('refuses'));
    expect(refused).toBeInstanceOf(FleetError);
    expect(refused).toMatchObject({ code: 'invalid_model', message: 'no', param: 'model.uri' });
    const broken = await rejection(asked('breaks'));
    expect(broken).toMatchObject({ code: 'internal', message: expect.not.stringContaining('secret') as unknown });
  });

  it('ends when nobody wants it any more, also in the middle', async () => {
    const ending = new AbortController();
    const onProgress = (): void => ending.abort(new Error('nobody wants it'));
    const wanted = { message: 'nobody wants it' };
    expect(await rejection(asked('never ends', { signal: ending.signal, onProgress }))).toMatchObject(wanted);
    expect(await rejection(asked('priority', { signal: ending.signal }))).toMatchObject(wanted);
  });
});
