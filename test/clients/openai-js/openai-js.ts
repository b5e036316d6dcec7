import { VERSION } from 'openai/version';
import type { Client } from '../behaviour.ts';
import { chat } from './chat.ts';
import { errors } from './errors.ts';
import { models, responses, vectors } from './others.ts';
import { streams } from './streams.ts';
import { structured } from './structured.ts';
import { toolCalls } from './tools.ts';

export const openaiJs: Client = {
  name: 'openai (JavaScript)',
  version: VERSION,
  behaviours: [...chat, ...streams, ...toolCalls, ...structured, ...vectors, ...models, ...responses, ...errors],
};
