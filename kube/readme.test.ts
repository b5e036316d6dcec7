import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');

describe('the README', () => {
  it('shows the example that is checked and run', () => {
    const [, shown] = /```ts\n([\s\S]*?)```/.exec(read('README.md')) ?? [];
    expect(shown).toBe(read('example.ts'));
  });
});
