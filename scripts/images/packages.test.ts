import { describe, expect, it } from 'vitest';
import { contentsOf, type Lockfile } from './packages.ts';

const platform = { os: 'linux', cpu: 'x64', libc: 'glibc' };
const lockfile: Lockfile = {
  packages: {
    room: { dependencies: { web: '1', shared: '1' } },
    shared: { dependencies: { log: '2' } },
    'node_modules/shared': { resolved: 'shared', link: true },
    'node_modules/web': { dependencies: { log: '1' }, peerDependencies: { absent: '1' } },
    'node_modules/web/node_modules/log': {},
    'node_modules/log': { optionalDependencies: { 'native-linux': '1', 'native-mac': '1', 'native-musl': '1' } },
    'node_modules/native-linux': { os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
    'node_modules/native-mac': { os: ['darwin'] },
    'node_modules/native-musl': { os: ['linux'], libc: ['musl'] },
    'node_modules/never-asked-for': {},
  },
};

describe('what an image holds', () => {
  const { rooms, packages } = contentsOf(lockfile, 'room', platform);

  it('are the rooms that its room needs', () => {
    expect(rooms).toEqual(['room', 'shared']);
    expect(contentsOf(lockfile, 'shared', platform).rooms).toEqual(['shared']);
  });

  it('are packages in the version that Node would find, with native parts for its own platform only', () => {
    expect(packages).toEqual([
      'node_modules/log',
      'node_modules/native-linux',
      'node_modules/web',
      'node_modules/web/node_modules/log',
    ]);
  });

  it('cannot be known from a lockfile that lacks some of it', () => {
    const broken = { packages: { room: { dependencies: { gone: '1' } } } };
    expect(() => contentsOf(broken, 'room', platform)).toThrow('lacks gone');
    expect(() => contentsOf(broken, 'nowhere', platform)).toThrow('no nowhere');
  });
});
