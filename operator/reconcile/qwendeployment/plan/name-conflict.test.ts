import { describe, expect, it } from 'vitest';
import { deploymentOf } from '../../../specs/harness/pool.ts';
import { nameConflict } from './name-conflict.ts';

function pool(name: string, model: object, made: string) {
  const deployment = deploymentOf({ model: { uri: 'hf://a/b', ...model } }, name);
  return { ...deployment, metadata: { ...deployment.metadata, creationTimestamp: made } };
}

const old = pool('old', { servedName: 'qwen', aliases: ['fast'] }, '2026-01-01T00:00:00Z');
const on = (name: string, model: object = {}, made = '2026-02-01T00:00:00Z') => pool(name, model, made);

describe('a name that clients ask for', () => {
  it.each([
    ['its served name', on('new', { servedName: 'qwen' }), '"qwen"'],
    ['an alias of it', on('new', { aliases: ['qwen'] }), '"qwen"'],
    ['its own name', on('fast'), '"fast"'],
    ['the name of the older pool', on('new', { servedName: 'old' }), '"old"'],
  ])('belongs to the older pool, also when it is %s', (_what, deployment, name) => {
    const found = nameConflict(deployment, [deployment, old]);
    expect(found).toMatchObject({ condition: 'ModelResolved', reason: 'NameConflict' });
    expect(found?.message).toContain(`${name} is served by QwenDeployment old`);
  });

  it('is never taken from the older pool, nor from itself', () => {
    expect(nameConflict(old, [old, on('new', { servedName: 'qwen' })])).toBeUndefined();
  });

  it('belongs to one of two pools of the same second', () => {
    const [a, b] = [on('a', { servedName: 'x' }), on('b', { servedName: 'x' })];
    expect([nameConflict(a, [b]), nameConflict(b, [a])].filter((found) => found === undefined)).toHaveLength(1);
  });

  it('is free where nobody has it', () => {
    expect(nameConflict(on('new', { servedName: 'other' }), [old])).toBeUndefined();
  });
});
