import { z } from 'zod';

const label = z.string().max(63);

/**
 * What an object says of itself. The fields that only a server writes are accepted too, so that what
 * `kubectl get -o yaml` prints can be read back.
 */
export const metadataSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(253)
    .regex(
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
      'is not a name; use lower-case letters, digits and dashes, with a letter or digit at both ends',
    ),
  namespace: z.string().min(1).max(63).optional(),
  labels: z.record(z.string(), label).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  generation: z.int().min(0).optional(),
  generateName: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  creationTimestamp: z.unknown().optional(),
  deletionTimestamp: z.unknown().optional(),
  deletionGracePeriodSeconds: z.number().optional(),
  selfLink: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
  ownerReferences: z.array(z.unknown()).optional(),
  managedFields: z.array(z.unknown()).optional(),
});
export type Metadata = z.infer<typeof metadataSchema>;
