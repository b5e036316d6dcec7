import { describe, expect, it } from 'vitest';
import { packagesOf, type Lockfile } from './packages.ts';

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

describe('the packages of an image', () => {
  it('are those that its rooms need, each in the version that Node would find', () => {
    expect(packagesOf(lockfile, ['room'], platform)).toEqual(['node_modules/web', 'node_modules/web/node_modules/log']);
  });

  it('hold native parts for its own platform only', () => {
    expect(packagesOf(lockfile, ['room', 'shared'], platform)).toEqual([
      'node_modules/log',
      'node_modules/native-linux',
      'node_modules/web',
      'node_modules/web/node_modules/log',
    ]);
  });

  it('cannot be known from a lockfile that lacks one', () => {
    const broken = { packages: { room: { dependencies: { gone: '1' } } } };
    expect(() => packagesOf(broken, ['room'], platform)).toThrow('lacks gone');
    expect(() => packagesOf(broken, ['nowhere'], platform)).toThrow('no nowhere');
  });
});
