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
const serviceName = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** What the name of an object must be that gives its name to a Service, and to other objects with something behind it. */
export const nameRules = (prefix: string): readonly Rule[] => [
  rule<{ metadata: { name: string } }>({
    id: `${prefix}name-length`,
    path: '',
    fieldPath: '.metadata.name',
    cel: 'self.metadata.name.size() <= 40',
    message: 'metadata.name may have 40 characters at most, because names of other objects are made from it',
    holds: (self) => self.metadata.name.length <= 40,
  }),
  rule<{ metadata: { name: string } }>({
    id: `${prefix}name-letter`,
    path: '',
    fieldPath: '.metadata.name',
    cel: `self.metadata.name.matches('${serviceName.source}')`,
    message:
      'metadata.name must begin with a letter and have lower-case letters, digits and dashes only, because a Service gets the same name',
    holds: (self) => serviceName.test(self.metadata.name),
  }),
];
