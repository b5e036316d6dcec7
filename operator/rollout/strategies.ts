import { abTest } from './strategy/ab-test/strategy.ts';
import { blueGreen } from './strategy/blue-green/strategy.ts';
import { canary } from './strategy/canary/strategy.ts';
import { onDelete } from './strategy/on-delete/strategy.ts';
import { rolling } from './strategy/rolling/strategy.ts';
import type { Strategy } from './strategy/strategy.ts';
import type { StrategyName } from './types.ts';

/** Every way to bring a revision in; one line each. */
export const strategies: Readonly<Record<StrategyName, Strategy>> = {
  Rolling: rolling,
  Canary: canary,
  BlueGreen: blueGreen,
  OnDelete: onDelete,
  ABTest: abTest,
};
