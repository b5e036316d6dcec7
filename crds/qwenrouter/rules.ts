import type { z } from 'zod';
import { rule, serviceName, type Rule } from '../rule.ts';
import type { routerSpecSchema } from './spec.ts';

type Spec = z.infer<typeof routerSpecSchema>;
type Requirement = NonNullable<Spec['pools']['selector']['matchExpressions']>[number];

export const routerRules: readonly Rule[] = [
  rule<{ metadata: { name: string } }>({
    id: 'router-name-length',
    path: '',
    fieldPath: '.metadata.name',
    cel: 'self.metadata.name.size() <= 40',
    message: 'metadata.name may have 40 characters at most, because names of other objects are made from it',
    holds: (self) => self.metadata.name.length <= 40,
  }),
  rule<{ metadata: { name: string } }>({
    id: 'router-name-letter',
    path: '',
    fieldPath: '.metadata.name',
    cel: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message:
      'metadata.name must begin with a letter and have lower-case letters, digits and dashes only, because a Service gets the same name',
    holds: (self) => serviceName.test(self.metadata.name),
  }),
  rule<Spec['objective']>({
    id: 'one-objective',
    path: 'spec.objective',
    fieldPath: '.largeShare',
    cel: '!has(self.costWeight) || !has(self.largeShare)',
    message: 'objective.costWeight and objective.largeShare exclude each other; remove one',
    holds: (self) => self.costWeight === undefined || self.largeShare === undefined,
  }),
  rule<Requirement>({
    id: 'selector-values',
    path: 'spec.pools.selector.matchExpressions[]',
    fieldPath: '.values',
    cel: "(has(self.values) && self.values.size() > 0) == (self.operator in ['In', 'NotIn'])",
    message: 'In and NotIn need values, Exists and DoesNotExist have none',
    holds: (self) => (self.values ?? []).length > 0 === ['In', 'NotIn'].includes(self.operator),
  }),
];
