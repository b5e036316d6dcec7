import { describe, expect, it } from 'vitest';
import { readCliConfig } from './config.ts';

describe('the environment', () => {
  it('has defaults under the home folder', () => {
    expect(readCliConfig({}, '/home/ada')).toEqual({
      url: undefined,
      apiKey: undefined,
      cacheDir: '/home/ada/.cache/qwenfleet',
      stateDir: '/home/ada/.local/state/qwenfleet',
    });
  });

  it('is obeyed, our own variables before the XDG ones', () => {
    const xdg = { XDG_CACHE_HOME: '/x/cache', XDG_STATE_HOME: '/x/state' };
    expect(readCliConfig(xdg, '/home/ada')).toMatchObject({
      cacheDir: '/x/cache/qwenfleet',
      stateDir: '/x/state/qwenfleet',
    });
    const own = {
      ...xdg,
      QWENFLEET_CACHE: '/own',
      QWENFLEET_STATE: '',
      QWENFLEET_URL: 'http://host:1/',
      QWENFLEET_API_KEY: ' k ',
    };
    expect(readCliConfig(own, '/home/ada')).toEqual({
      url: 'http://host:1',
      apiKey: 'k',
      cacheDir: '/own',
      stateDir: '/x/state/qwenfleet',
    });
  });

  it('with an address that is none is refused by name', () => {
    expect(() => readCliConfig({ QWENFLEET_URL: 'localhost:8080' }, '/')).toThrow(/QWENFLEET_URL.*http/s);
  });
});
