import type { z } from 'zod';
import { rule, type Rule } from '../rule.ts';
import type { hardwareSpecSchema } from './spec.ts';

type Accelerator = NonNullable<z.infer<typeof hardwareSpecSchema>['accelerator']>;

export const hardwareRules: readonly Rule[] = [
  rule<Accelerator>({
    id: 'resource-or-device-class',
    path: 'spec.accelerator',
    fieldPath: '.resourceName',
    cel: 'has(self.resourceName) != has(self.deviceClass)',
    message: 'an accelerator has either resourceName or deviceClass; write one of them',
    holds: (self) => (self.resourceName === undefined) !== (self.deviceClass === undefined),
  }),
];
