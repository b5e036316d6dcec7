import { instantSchema } from '@qwenfleet/core/fleet/client-key';
import { z } from 'zod';

/**
 * Kinds of fields that the custom resources are made of. Every pattern and bound here reaches the API server through
 * the generated schema, so a laptop and a cluster refuse the same text. Bounds also keep CEL inside its cost budget.
 */
const described =
  (make: () => z.ZodString) =>
  (description: string): z.ZodString =>
    make().describe(description);

/** `30s`, `5m`, `1m30s`, `250ms`: what CEL's `duration()` reads too. */
export const duration = described(() =>
  z
    .string()
    .max(32)
    .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/, 'is not a duration; write one such as 30s, 5m or 1m30s'),
);

/** A duration that may count days, such as `30d`. Never used in a CEL rule, whose durations end at hours. */
export const longDuration = described(() =>
  z
    .string()
    .max(32)
    .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$/, 'is not a duration; write one such as 12h or 30d'),
);

/** A moment as RFC 3339 writes it, with a zone. */
export const instant = (description: string): typeof instantSchema => instantSchema.describe(description);

/** Kubernetes' way to write amounts: `16Gi`, `500m`, `4`. */
export const quantity = described(() =>
  z
    .string()
    .max(32)
    .regex(
      /^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/,
      'is not a quantity; write one in quotes, such as "16Gi", "500m" or "4"',
    ),
);

/** A number with a point, as text: Kubernetes keeps floats out of its API, because not every client reads them alike. */
export const decimal = described(() =>
  z
    .string()
    .max(16)
    .regex(/^[0-9]+(\.[0-9]+)?$/, 'is not a decimal; write one in quotes, such as "0.25"'),
);

/** A number between 0 and 1, as text. */
export const ratio = described(() =>
  z
    .string()
    .max(16)
    .regex(/^(0(\.[0-9]+)?|1(\.0+)?)$/, 'is not a ratio; write one between "0" and "1" in quotes, such as "0.05"'),
);

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** The name of an object of Kubernetes, or of a part of one. */
export const name = described(() =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(dnsLabel, 'is not a name; use lower-case letters, digits and dashes, with a letter or digit at both ends'),
);

/** The name of a model as clients write it: `qwen2.5-7b`, `Qwen/Qwen3-4B`. */
export const modelName = described(() =>
  z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._/:-]*$/, 'is not a model name; use letters, digits and . _ / : -'),
);

/** Any text up to a bound. */
export const text = (description: string, lengthMax = 1024): z.ZodString =>
  z.string().max(lengthMax).describe(description);

/** A whole number within bounds. */
export const count = (description: string, min: number, max: number): z.ZodInt =>
  z.int().min(min).max(max).describe(description);

/** SHA-256 in hex. */
export const sha256 = described(() =>
  z
    .string()
    .max(64)
    .regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 digest; write its 64 hexadecimal digits'),
);

/** Label-like maps: bounded keys and values. */
export const labels = (description: string): z.ZodRecord<z.ZodString, z.ZodString> =>
  z.record(z.string(), z.string().max(63)).meta({ description, maxProperties: 32 });

/** A Secret of the same namespace, and which of its entries. */
export const secretRef = (description: string, keyDescription: string) =>
  z
    .strictObject({
      name: z.string().min(1).max(253).describe('Name of the Secret, in the same namespace.'),
      key: z.string().min(1).max(253).optional().describe(keyDescription),
    })
    .describe(description);

/** A list whose items are told apart by one of their fields: server-side apply merges it item by item. */
export const listMap = <T extends z.ZodObject>(
  item: T,
  key: string,
  itemsMax: number,
  description: string,
): z.ZodArray<T> =>
  z
    .array(item)
    .max(itemsMax)
    .meta({ description, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });

/** A list that is replaced as a whole. */
export const listAtomic = <T extends z.ZodType>(item: T, itemsMax: number, description: string): z.ZodArray<T> =>
  z.array(item).max(itemsMax).meta({ description, 'x-kubernetes-list-type': 'atomic' });

/** A list without repetitions. */
export const listSet = <T extends z.ZodType>(item: T, itemsMax: number, description: string): z.ZodArray<T> =>
  z.array(item).max(itemsMax).meta({ description, 'x-kubernetes-list-type': 'set' });

/** An object of Kubernetes' own API that we hand on without looking inside. */
export const anyObject = (description: string): z.ZodRecord<z.ZodString, z.ZodUnknown> =>
  z.record(z.string(), z.unknown()).meta({ description, 'x-kubernetes-preserve-unknown-fields': true });

/** One environment variable, its value given or taken from a Secret. */
export const environmentVariable = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not the name of an environment variable')
      .describe('Name of the variable.'),
    value: text('Its value.', 4096).optional(),
    valueFrom: anyObject('Where its value comes from, as in a Pod.').optional(),
  })
  .describe('An environment variable.');

/** A toleration as in a Pod. */
export const toleration = z
  .strictObject({
    key: text('Key of the taint; empty means every taint.', 253).optional(),
    operator: z.enum(['Exists', 'Equal']).optional().describe('How key and value are compared; Equal when left out.'),
    value: text('Value of the taint.', 63).optional(),
    effect: z
      .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
      .optional()
      .describe('Effect of the taint; every effect when left out.'),
    tolerationSeconds: count('How long a NoExecute taint is tolerated.', 0, 31_536_000).optional(),
  })
  .describe('A toleration, as in a Pod.');
