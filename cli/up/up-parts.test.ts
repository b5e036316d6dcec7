import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { chooseProfile } from './profile.ts';
import { curlLine, greetingLinesMax, renderGreeting } from './greeting.ts';
import { aborted, watchInterrupts } from './interrupts.ts';
import { assertPortFree } from './port.ts';

describe('the default profile', () => {
  it('is qwen3 when the hub answers, demo when it does not, and says why', async () => {
    expect(await chooseProfile(undefined, async () => true)).toMatchObject({
      profile: 'qwen3',
      why: expect.stringMatching(/hub answers/),
    });
    expect(await chooseProfile(undefined, async () => false)).toMatchObject({
      profile: 'demo',
      why: expect.stringMatching(/3 s/),
    });
  });

  it('asks nobody when a profile was given', async () => {
    const asked = await chooseProfile('demo', () => Promise.reject(new Error('must not ask')));
    expect(asked.profile).toBe('demo');
  });
});

describe('the port', () => {
  it('that is taken is named, with the flag and another one', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const error: unknown = await assertPortFree(port).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: expect.stringContaining(String(port)),
      remedy: expect.stringContaining('--port'),
    });
    server.close();
    await once(server, 'close');
    await expect(assertPortFree(port)).resolves.toBeUndefined();
  });
});

describe('the greeting', () => {
  const style = (_format: unknown, text: string): string => text;
  const pools = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: `pool-${index}`,
      state: 'ready',
      serves: 'A model int4',
      why: 'demo',
    }));

  it.each([1, 3, 8, 64])('fits a screen with %d pools', (count) => {
    const text = renderGreeting(
      { url: 'http://127.0.0.1:8080', profile: 'demo', guarded: false, pools: pools(count) },
      { style },
    );
    expect(text.split('\n').length).toBeLessThanOrEqual(greetingLinesMax);
    for (const word of ['http://127.0.0.1:8080/v1', 'Playground', 'curl', 'Ctrl-C', 'A model int4 (demo)'])
      expect(text).toContain(word);
  });

  it('has a curl line that is one valid request', () => {
    const line = curlLine('http://127.0.0.1:8080', false);
    expect(JSON.parse(/-d '(.*)'$/.exec(line)?.[1] ?? '')).toMatchObject({ model: 'auto' });
    expect(line).not.toContain('\n');
    expect(curlLine('http://127.0.0.1:8080', true)).toContain('$QWENFLEET_API_KEY');
  });
});

describe('asking to stop', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('counts %s once, then again', async (signal) => {
    const source = new EventEmitter();
    // A process is an emitter of signals as far as this goes.
    const interrupts = watchInterrupts(source as unknown as Pick<NodeJS.Process, 'on' | 'off'>);
    let again = 0;
    interrupts.onAgain(() => (again += 1));
    source.emit(signal);
    await aborted(interrupts.asked);
    expect(again).toBe(0);
    source.emit('SIGINT');
    expect(again).toBe(1);
    interrupts.dispose();
    expect(source.listenerCount(signal)).toBe(0);
  });
});
