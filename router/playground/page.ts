import { readFileSync } from 'node:fs';

/** The playground as one page, read once. */
export const playgroundPage: string = readFileSync(new URL('index.html', import.meta.url), 'utf8');
