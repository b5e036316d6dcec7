import { stringify } from 'yaml';
import { z } from 'zod';

const width = 100;

/**
 * values.yaml from a schema: each value with its default, below a comment that says what it is. What has no default is
 * not written.
 */
export function valuesYaml(schema: z.ZodObject, head: string): string {
  const sections = Object.entries(schema.shape).flatMap(([name, field]) => {
    const lines = section(name, field as z.ZodType); // a shape of zod's core, which this house only fills with its classes
    return lines.length === 0 ? [] : [`\n${lines.join('\n')}\n`];
  });
  return `${head}${sections.join('')}`;
}

function section(name: string, field: z.ZodType): string[] {
  const inside = groupOf(field);
  if (inside) return [...comment(field), `${name}:`, ...fields(inside)];
  if (!(field instanceof z.ZodDefault)) return [];
  return [
    ...comment(field),
    ...stringify({ [name]: field.def.defaultValue }, style)
      .trimEnd()
      .split('\n'),
  ];
}

const fields = (group: z.ZodObject): string[] =>
  Object.entries(group.shape)
    .flatMap(([name, field]) => section(name, field as z.ZodType)) // as above
    .map((line) => `  ${line}`);

/** A group is a map whose fields are values themselves; a default that is a map is one value. */
function groupOf(field: z.ZodType): z.ZodObject | undefined {
  if (!(field instanceof z.ZodPrefault)) return undefined;
  const inside = field.unwrap();
  return inside instanceof z.ZodObject ? inside : undefined;
}

const style = { lineWidth: 0, aliasDuplicateObjects: false } as const;

function comment(field: z.ZodType): string[] {
  const { description, examples } = metaOf(field);
  if (description === undefined) throw new Error('a value without a description');
  const shown = (examples ?? []).flatMap((example) => ['For example:', ...indented(stringify(example, style))]);
  return [...wrap(description), ...shown].map((line) => `# ${line}`);
}

/** What was said of a field, before or after it got its default. */
function metaOf(field: z.ZodType): { description?: string; examples?: unknown[] } {
  const meta = field.meta();
  if (meta?.description !== undefined || !(field instanceof z.ZodDefault || field instanceof z.ZodPrefault)) {
    return { ...(meta?.description !== undefined && { description: meta.description }), ...examplesOf(meta) };
  }
  const inside = field.unwrap();
  return inside instanceof z.ZodType ? metaOf(inside) : {};
}

const examplesOf = (meta: z.GlobalMeta | undefined): { examples?: unknown[] } =>
  Array.isArray(meta?.['examples']) ? { examples: meta['examples'] } : {};

const indented = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);

/** Words into lines of a bounded width. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
