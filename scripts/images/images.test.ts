import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dockerFiles, type House } from './dockerfile.ts';
import { images, isLeftOut } from './images.ts';
import { packagesOf, type Lockfile } from './packages.ts';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const house = JSON.parse(read('package.json')) as House;
const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;

describe('container images', () => {
  it.each([...dockerFiles(images, house)])('%s is what the list of images says', (file, text) => {
    expect(read(file), 'run npm run images -- --dockerfiles').toBe(text);
  });

  it.each(images)('$name holds every room that its rooms depend on', ({ rooms, entry }) => {
    const needed = rooms.flatMap((room) => Object.keys(lockfile.packages[room]?.dependencies ?? {}));
    const ours = needed.filter((name) => name.startsWith('@qwenfleet/')).map((name) => name.split('/')[1]);
    expect(rooms).toEqual(expect.arrayContaining(ours));
    expect(rooms).toContain(entry.split('/')[0]);
  });

  it('are light where weight is not needed', () => {
    const platform = { os: 'linux', cpu: 'x64', libc: 'glibc' };
    for (const { name, rooms } of images) {
      const heavy = packagesOf(lockfile, rooms, platform).filter((at) => /onnxruntime-node|koffi/.test(at));
      expect(heavy.length > 0).toBe(name === 'runtime');
    }
  });

  it('hold no tests and nothing that only tests read', () => {
    expect(['core/errors.test.ts', 'crds/fixtures/rule-examples.ts', 'router/score/train'].every(isLeftOut)).toBe(true);
    expect(['core/errors.ts', 'router/playground/index.html', 'runtime'].some(isLeftOut)).toBe(false);
    expect(existsSync(path.join(root, 'router/playground/index.html'))).toBe(true);
  });
});
