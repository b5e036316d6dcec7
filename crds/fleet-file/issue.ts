import { isObject } from '@qwenfleet/core/json';
import type { z } from 'zod';
import type { Schema } from '../openapi.ts';
import type { FleetDocument } from './documents.ts';
import { problemAt, type Problem } from './problem.ts';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** What zod found, in the words of somebody who writes YAML. */
export function problemsOfIssue(issue: Issue, document: FleetDocument, schema: Schema): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(below(schema, issue.path)?.properties ?? {});
    return issue.keys.map((key) => {
      const hint = didYouMean(key, known) || (known.length > 0 ? `; known are ${known.join(', ')}` : '');
      return problemAt(document, [...issue.path, key], `there is no such field${hint}`, 'key');
    });
  }
  const value = valueAt(document.value, issue.path);
  if (value === undefined) return [problemAt(document, issue.path, missing(below(schema, issue.path)))];
  return [problemAt(document, issue.path, wordsOf(issue, value))];
}

function wordsOf(issue: Issue, value: unknown): string {
  const shown = show(value);
  if (issue.code === 'invalid_type') {
    return `${shown} is ${typeName(value)}, but ${article(issue.expected)} is wanted${quotesHint(issue.expected, value)}`;
  }
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    const hint = typeof value === 'string' ? didYouMean(value, known) : '';
    return `${shown} is not one of ${known.join(', ')}${hint}`;
  }
  if (issue.code === 'too_big') return sizeWords(shown, value, `at most ${String(issue.maximum)}`);
  if (issue.code === 'too_small') return sizeWords(shown, value, `at least ${String(issue.minimum)}`);
  return `${shown} ${issue.message}`;
}

function sizeWords(shown: string, value: unknown, bound: string): string {
  if (typeof value === 'string') return `${shown} has ${value.length} characters; ${bound} are allowed`;
  if (Array.isArray(value)) return `there are ${value.length} items; ${bound} are allowed`;
  return `${shown} is out of range; write ${bound}`;
}

const missing = (schema: Schema | undefined): string => {
  const choices = schema?.enum ? ` One of ${schema.enum.map(String).join(', ')}.` : '';
  return `is missing.${schema?.description ? ` ${schema.description}` : ''}${choices}`;
};

const quotesHint = (expected: string, value: unknown): string =>
  expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')
    ? `; write it in quotes: "${String(value)}"`
    : '';

const names: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};
const article = (expected: string): string => names[expected] ?? expected;

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a fraction';
  return names[typeof value] ?? typeof value;
}

/** Values are repeated to be found again, not to be read in full. */
function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

export function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, part) => {
    if (Array.isArray(at)) return at[Number(part)];
    return isObject(at) ? at[String(part)] : undefined;
  }, root);
}

/** The schema of a field by its path in a value. */
function below(root: Schema, path: readonly PropertyKey[]): Schema | undefined {
  return path.reduce<Schema | undefined>(
    (at, part) => (typeof part === 'number' ? at?.items : (at?.properties?.[String(part)] ?? at?.additionalProperties)),
    root,
  );
}
