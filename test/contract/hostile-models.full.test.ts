import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slowHostileModels } from '../harness/hostile/hostile-models.ts';
import { Target } from '../harness/hostile/refusal.ts';

let target: Target;
beforeAll(async () => void (target = await Target.start()));
afterAll(() => target?.stop());

describe('a runtime that is told to load a model whose files run without end', () => {
  it.each(slowHostileModels)('refuses it with a reason and answers as before: $name', async (hostile) => {
    expect(await target.wrongWithModel(hostile)).toEqual([]);
  });
});
