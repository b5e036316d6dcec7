import { describe, expect, it } from 'vitest';
import { runtimeConfigSchema } from './runtime-config.ts';

const base = { servedName: 'm', model: { uri: 'file:///m' }, cacheDir: '/c' };

describe('drafts in the configuration of a runtime', () => {
  it.each([17, -1, 2.5, '8', null])('are not %j, and it says what they may be', (maxDraftTokens) => {
    const { error } = runtimeConfigSchema.safeParse({ ...base, engine: { speculation: { maxDraftTokens } } });
    const message = `${JSON.stringify(maxDraftTokens)} is no number of drafts; give a whole one from 0 (off) to 16`;
    expect(error?.issues).toMatchObject([{ path: ['engine', 'speculation', 'maxDraftTokens'], message }]);
  });

  it('are none unless somebody asks', () => {
    expect(runtimeConfigSchema.parse(base).engine.speculation).toBeUndefined();
    const engine = { speculation: { maxDraftTokens: 8 } };
    expect(runtimeConfigSchema.parse({ ...base, engine }).engine).toMatchObject(engine);
  });
});
