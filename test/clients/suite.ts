import { aiSdk } from './ai-sdk/ai-sdk.ts';
import type { Client } from './behaviour.ts';
import { langchain } from './langchain/langchain.ts';
import { openaiJs } from './openai-js/openai-js.ts';
import { openaiPython, pythonName } from './openai-python/openai-python.ts';

const openers: readonly { name: string; open: () => Promise<Client> }[] = [
  ...[openaiJs, aiSdk, langchain].map((client) => ({ name: client.name, open: async () => client })),
  { name: pythonName, open: openaiPython },
];

/** The clients with this word in their names. One that needs it has a process of its own until it is closed. */
export const openClients = (word = ''): Promise<readonly Client[]> =>
  Promise.all(openers.filter(({ name }) => name.toLowerCase().includes(word.toLowerCase())).map(({ open }) => open()));
