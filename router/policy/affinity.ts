import type { PromptKeys } from './prefix-hash/keys.ts';

/** By what a request may be kept with others. */
export type Affinity = {
  /** Its session's key, where sessions are held together and it names one. */
  session: number | undefined;
  /** Its prompt's keys; computed when a pool wants them. */
  prompt: () => PromptKeys;
};
