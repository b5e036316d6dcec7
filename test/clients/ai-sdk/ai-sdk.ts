import { createRequire } from 'node:module';
import type { Client } from '../behaviour.ts';
import { objects } from './objects.ts';
import { texts } from './texts.ts';

/** Read from the package itself, which does not say. */
const { version } = createRequire(import.meta.url)('ai/package.json') as { version: string };

export const aiSdk: Client = { name: 'AI SDK', version, behaviours: [...texts, ...objects] };
