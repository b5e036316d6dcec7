import type { z } from 'zod';
import { FleetError } from './errors.ts';

/** One problem per line: where, what was found, what is wanted. */
export function describeIssues(error: z.ZodError, root = ''): string {
  return error.issues.map((issue) => `${issuePath(issue.path, root)}: ${issue.message}`).join('\n');
}

/** `["pools", 0, "tier"]` to `pools[0].tier`. */
export function issuePath(path: readonly PropertyKey[], root = ''): string {
  const text = path.reduce<string>(
    (so, key) => (typeof key === 'number' ? `${so}[${key}]` : so === '' ? String(key) : `${so}.${String(key)}`),
    root,
  );
  return text === '' ? '(root)' : text;
}

/**
 * Parses configuration that came from outside.
 * Throws `invalid_config` naming every field at fault; nothing half-parsed leaves this function.
 */
export function parseConfig<T extends z.ZodType>(schema: T, value: unknown, what: string): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new FleetError('invalid_config', `${what} is not valid:\n${describeIssues(parsed.error)}`, {
    param: issuePath(parsed.error.issues[0]?.path ?? []),
  });
}
