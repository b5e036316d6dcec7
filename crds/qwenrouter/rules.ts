import type { z } from 'zod';
import { nameRules, rule, type Rule } from '../rule.ts';
import type { routerSpecSchema } from './spec.ts';

type Spec = z.infer<typeof routerSpecSchema>;
type Scopes = NonNullable<NonNullable<Spec['keys']>[number]['scopes']>;
type Requirement = NonNullable<Spec['pools']['selector']['matchExpressions']>[number];

export const routerRules: readonly Rule[] = [
  ...nameRules('router-'),
  rule<Spec['objective']>({
    id: 'one-objective',
    path: 'spec.objective',
    fieldPath: '.largeShare',
    cel: '!has(self.costWeight) || !has(self.largeShare)',
    message: 'objective.costWeight and objective.largeShare exclude each other; remove one',
    holds: (self) => self.costWeight === undefined || self.largeShare === undefined,
  }),
  rule<Scopes>({
    id: 'scope-without-auto',
    path: 'spec.keys[].scopes',
    fieldPath: '.models',
    cel: "!has(self.models) || !self.models.exists(name, name == 'auto')",
    message: 'auto needs no scope, since it chooses among the pools that are named; take it away',
    holds: (self) => !(self.models ?? []).includes('auto'),
  }),
  rule<Requirement>({
    id: 'selector-values',
    path: 'spec.pools.selector.matchExpressions[]',
    fieldPath: '.values',
    cel: "(has(self.values) && self.values.size() > 0) == (self.operator in ['In', 'NotIn'])",
    message: 'In and NotIn need values, Exists and DoesNotExist have none; write values, or take them away',
    holds: (self) => (self.values ?? []).length > 0 === ['In', 'NotIn'].includes(self.operator),
  }),
];
