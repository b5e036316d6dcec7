import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { valuesYaml } from './yaml.ts';

describe('values.yaml from a schema', () => {
  it('has each value with its default, below what it is', () => {
    const schema = z.strictObject({
      replicas: z.int().default(1).describe('How many.'),
      log: z
        .strictObject({ level: z.string().default('info').describe('How much.') })
        .prefault({})
        .describe('What is written.'),
    });
    expect(valuesYaml(schema, '# head\n')).toBe(`# head

# How many.
replicas: 1

# What is written.
log:
  # How much.
  level: info
`);
  });

  it('shows examples as they are typed', () => {
    const labels = z
      .record(z.string(), z.string())
      .default({})
      .meta({ description: 'Labels.', examples: [{ a: 'b' }] });
    expect(valuesYaml(z.strictObject({ labels }), '')).toBe('\n# Labels.\n# For example:\n#   a: b\nlabels: {}\n');
  });

  it('finds what was said before the default came', () => {
    const schema = z.strictObject({ port: z.int().describe('The port.').default(80) });
    expect(valuesYaml(schema, '')).toBe('\n# The port.\nport: 80\n');
  });

  it('writes a default that is a map as one value', () => {
    const classes = z
      .record(z.string(), z.unknown())
      .default({ cpu: { cores: '2' } })
      .describe('Classes.');
    expect(valuesYaml(z.strictObject({ classes }), '')).toBe('\n# Classes.\nclasses:\n  cpu:\n    cores: "2"\n');
  });

  it('leaves out what has no default', () => {
    expect(valuesYaml(z.strictObject({ global: z.unknown().optional() }), '# head\n')).toBe('# head\n');
  });

  it('breaks long lines between words, at any depth', () => {
    const sentence = 'word '.repeat(60).trim();
    const lines = valuesYaml(z.strictObject({ a: z.int().default(1).describe(sentence) }), '').split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(110);
    expect(
      lines
        .filter((line) => line.startsWith('#'))
        .join(' ')
        .replaceAll('# ', ''),
    ).toBe(sentence);
  });

  it('refuses a value that nobody has described', () => {
    expect(() => valuesYaml(z.strictObject({ a: z.int().default(1) }), '')).toThrow(/description/);
  });
});
