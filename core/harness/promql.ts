import { parser } from '@prometheus-io/lezer-promql';

export type PromqlParts = {
  /** Where the grammar of Prometheus does not know how to go on. */
  errors: string[];
  /** Names of series that are selected. */
  names: string[];
  /** The selectors themselves, with what they match and how far back they look. */
  selectors: string[];
  /** Labels that are grouped by or matched. */
  labels: string[];
};

/** Reads an expression by Prometheus' own grammar. */
export function readPromql(expr: string): PromqlParts {
  const found: PromqlParts = { errors: [], names: [], selectors: [], labels: [] };
  parser.parse(expr).iterate({
    enter: ({ type, from, to }) => {
      const text = expr.slice(from, to);
      if (type.isError) found.errors.push(expr.slice(from, to + 20));
      if (type.name === 'VectorSelector') {
        found.names.push(/^[\w:]+/.exec(text)?.[0] ?? '');
        found.selectors.push(text);
      }
      if (type.name === 'LabelName') found.labels.push(text);
    },
  });
  return found;
}
