/**
 * A check that goes beyond one field. The API server evaluates `cel`, our own parser calls `holds`; the tests run both
 * examples of each rule through the parser, so that a laptop refuses what a cluster refuses.
 */
export type Rule = {
  id: string;
  /** Where `self` is: `spec.scaling`, `spec.scaling.schedules[]`, or empty for the whole object. */
  path: string;
  cel: string;
  /** What to write instead. */
  message: string;
  /** The field at fault below `path`, as the API server wants it: `.minReplicas`. */
  fieldPath?: string;
  /** Compares with the object before: never evaluated at creation or, when optional, with nothing before. */
  transition?: true | 'optional';
  holds(self: unknown, before?: unknown): boolean;
};

type Always<Self> = { transition?: true; holds: (self: Self, before: Self) => boolean };
type WithOrWithout<Self> = { transition: 'optional'; holds: (self: Self, before: Self | undefined) => boolean };

/** Types `self` inside a rule: the schema has accepted it before any rule runs. */
export const rule = <Self>(
  definition: Omit<Rule, 'holds' | 'transition'> & (Always<Self> | WithOrWithout<Self>),
): Rule => ({
  ...definition,
  holds: (self, before) => definition.holds(self as Self, before as Self),
});

/** Names of Services are narrower than those of other objects: no digit at their beginning, and no dots. */
export const serviceName = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
