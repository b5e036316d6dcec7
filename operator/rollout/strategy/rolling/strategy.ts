import { replaceAll } from '../replace-all.ts';
import { withSurge, type Strategy } from '../strategy.ts';

/** Replica by replica; traffic follows what is ready. */
export const rolling: Strategy = { name: 'Rolling', drains: true, capOf: withSurge, next: replaceAll };
