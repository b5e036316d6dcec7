import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from './config-file.ts';

const config = { servedName: 'tiny', model: { uri: 'file:///old', revision: 'main' }, cacheDir: '/cache' };

/** The path of a configuration in a folder with these files. */
function written(files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-config-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return path.join(folder, 'runtime.json');
}

describe('the file of a runtime', () => {
  it('says which weights it starts with', () => {
    const file = written({ 'runtime.json': JSON.stringify(config) });
    expect(readConfigFile(file)).toMatchObject({ servedName: 'tiny', model: config.model, engine: { slots: 8 } });
  });

  it('gives way to the weights that others were given since, whole', () => {
    const file = written({ 'runtime.json': JSON.stringify(config), 'model.json': '{"uri":"file:///new"}' });
    expect(readConfigFile(file)).toMatchObject({ servedName: 'tiny' });
    expect(readConfigFile(file).model).toEqual({ uri: 'file:///new' });
  });

  it.each([
    ['is no JSON', { 'runtime.json': '{' }, /runtime\.json cannot be read as JSON/],
    ['is not there', {}, /runtime\.json cannot be read as JSON/],
    ['lacks a field', { 'runtime.json': '{}' }, /runtime\.json.*servedName/s],
    ['has weights beside it that lack a field', { 'model.json': '{}' }, /model\.json.*uri/s],
    ['has weights beside it that are no JSON', { 'model.json': 'x' }, /model\.json cannot be read/],
  ])('that %s is refused by name', (_name, files, words) => {
    const file = written({ ...('runtime.json' in files ? {} : withConfig(files)), ...files });
    expect(() => readConfigFile(file)).toThrow(words);
  });
});

const withConfig = (files: object): Record<string, string> =>
  Object.keys(files).length === 0 ? {} : { 'runtime.json': JSON.stringify(config) };
