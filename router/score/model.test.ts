import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { featureNames, look } from './features.ts';
import { loadWeights, scoreFeatures, scoreSeen } from './model.ts';
import shippedFile from './weights.json' with { type: 'json' };
import { shippedWeights } from './weights.ts';

const dataFolder = path.join(import.meta.dirname, '../../data/routing');
const score = (prompt: string) => scoreSeen(shippedWeights, look(prompt));

describe('the score of a prompt', () => {
  it('is a chance for each tier that never falls from small to large', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), (prompt) => {
        const { p } = score(prompt);
        for (const chance of [p.small, p.medium, p.large]) {
          expect(chance).toBeGreaterThanOrEqual(0.01);
          expect(chance).toBeLessThanOrEqual(0.99);
        }
        expect(p.medium).toBeGreaterThanOrEqual(p.small);
        expect(p.large).toBeGreaterThanOrEqual(p.medium);
      }),
      { seed: 21, numRuns: 300 },
    );
  });

  it('stays in bounds even for features that no prompt has', () => {
    for (const extreme of [1e6, -1e6]) {
      const { p } = scoreFeatures(
        shippedWeights,
        featureNames.map(() => extreme),
      );
      expect([p.small, p.medium, p.large].every((chance) => chance >= 0.01 && chance <= 0.99)).toBe(true);
    }
  });

  it('is the sum of what its features contribute', () => {
    const { p, contributions } = score('Prove that the square root of 2 is irrational.');
    const logit = contributions.reduce((sum, { small }) => sum + small, shippedWeights.heads.small.intercept);
    expect(1 / (1 + Math.exp(-logit))).toBeCloseTo(p.small, 10);
  });

  it('counts a proof against the small tier and a greeting for it', () => {
    const proof = score('Prove the theorem.').contributions.find(({ name }) => name === 'proof');
    const greeting = score('Good morning').contributions.find(({ name }) => name === 'greeting');
    expect(proof?.small).toBeLessThan(-0.3);
    expect(greeting?.small).toBeGreaterThan(0.3);
  });
});

describe('the weights', () => {
  const copy = (): Record<string, unknown> => structuredClone(shippedFile);

  it('in the repository were trained on the data in the repository', () => {
    expect(shippedWeights.card.data.length).toBeGreaterThanOrEqual(8);
    for (const { name, sha256 } of shippedWeights.card.data) {
      expect(
        createHash('sha256')
          .update(readFileSync(path.join(dataFolder, name)))
          .digest('hex'),
        name,
      ).toBe(sha256);
    }
  });

  it('carry a card that says what they are worth and that priors are priors', () => {
    const { card } = shippedWeights;
    expect(Object.keys(card.metrics).length).toBeGreaterThan(2);
    expect(card.notes.join(' ')).toContain('priors');
    expect(Object.keys(card.priors)).toContain('greeting');
  });

  it('for other features are refused with the remedy', () => {
    const renamed = { ...copy(), features: shippedWeights.features.map((name) => `${name}2`) };
    expect(() => loadWeights(renamed)).toThrowError(/npm run train/);
    const cut = { ...copy(), centre: shippedWeights.centre.slice(1) };
    expect(() => loadWeights(cut)).toThrowError(/npm run train/);
  });

  it.each([
    ['no heads', { heads: undefined }],
    ['a scale of zero', { scale: featureNames.map(() => 0) }],
    ['a weight that is not a number', { centre: featureNames.map(() => 'x') }],
    ['another version', { version: 1 }],
    ['wording of fewer buckets than its bits say', { wording: { ...shippedFile.wording, bits: 9 } }],
    ['something unknown', { extra: true }],
  ])('with %s are refused', (_, change) => {
    let thrown: unknown;
    try {
      loadWeights({ ...copy(), ...change });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(FleetError);
    expect(thrown).toMatchObject({ code: 'invalid_config' });
  });
});
