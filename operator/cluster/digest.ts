import { createHash } from 'node:crypto';

/** Of a value as JSON; the order of its keys counts. */
export const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('base64');
