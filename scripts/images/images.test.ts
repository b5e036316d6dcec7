import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dockerFiles, type House } from './dockerfile.ts';
import { images, isLeftOut, platform } from './images.ts';
import { contentsOf, type Lockfile } from './packages.ts';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const house = JSON.parse(read('package.json')) as House;
const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;

describe('container images', () => {
  it.each([...dockerFiles(images, house, lockfile)])('%s is what the list of images says', (file, text) => {
    expect(read(file), 'run npm run images -- --dockerfiles').toBe(text);
  });

  it.each(images)('$name starts with a file of its room', ({ room, entry }) => {
    expect(entry.startsWith(`${room}/`)).toBe(true);
    expect(house.workspaces).toContain(room);
  });

  it('are light where weight is not needed', () => {
    for (const { name, room } of images) {
      const { packages } = contentsOf(lockfile, room, platform);
      expect(packages.some((at) => /onnxruntime-node|koffi/.test(at))).toBe(name === 'runtime');
    }
  });

  it('hold no tests and nothing that only tests read', () => {
    expect(['core/errors.test.ts', 'crds/fixtures/rule-examples.ts', 'router/score/train'].every(isLeftOut)).toBe(true);
    expect(['core/errors.ts', 'router/playground/index.html', 'runtime'].some(isLeftOut)).toBe(false);
    expect(existsSync(path.join(root, 'router/playground/index.html'))).toBe(true);
  });
});
