import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { afterAll, describe, expect, it } from 'vitest';
import { configOf, poolOf } from './harness/router.ts';
import shippedFile from './score/weights.json' with { type: 'json' };
import { weightsFor } from './scorer.ts';
import { RouterService } from './service.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'scorer-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}
const own = fileOf('model.json', JSON.stringify({ ...shippedFile, card: { ...shippedFile.card, name: 'own' } }));

describe("a user's model file", () => {
  it('judges prompts where the configuration names it, and the shipped one does otherwise', () => {
    expect(weightsFor({ scorer: { file: own } }).card.name).toBe('own');
    expect(weightsFor({}).card.name).toBe(shippedFile.card.name);
  });

  it.each([
    ['is not there', path.join(folder, 'absent.json'), /scorer\.file cannot be read/],
    ['is not JSON', fileOf('text.json', 'hello'), /scorer\.file is not JSON/],
    ['is something else', fileOf('other.json', '{"version":2}'), /scorer\.file is not valid/],
  ])('that %s is refused, naming the setting', (_, file, message) => {
    expect(() => weightsFor({ scorer: { file } })).toThrowError(message);
  });

  it('that is none leaves everything as it was when it comes with a new configuration', () => {
    const before = configOf([poolOf()], { scorer: { file: own } });
    const service = new RouterService({
      config: before,
      clock: new ManualClock(),
      rng: seededRng(1),
      log: silentLogger,
      onWake: () => undefined,
    });
    const { policy } = service;
    const next = configOf([poolOf()], { scorer: { file: path.join(folder, 'absent.json') } });
    expect(() => service.configure(next)).toThrowError(/scorer\.file/);
    expect(service.config).toBe(before);
    expect(service.policy).toBe(policy);
  });
});
