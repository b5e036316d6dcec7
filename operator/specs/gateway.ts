import type { Integrations } from './capabilities.ts';

type Gateway = NonNullable<Integrations['gateway']>;

/** The OpenAI API and nothing of administration or health. */
export const pathPrefix = { type: 'PathPrefix', value: '/v1' } as const;

/** Zero means no limit: answers stream for minutes, and the router has limits of its own. */
export const unhurried = { request: '0s', backendRequest: '0s' } as const;

export const parentOf = ({ name, namespace, sectionName }: Gateway) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  ...(sectionName === undefined ? {} : { sectionName }),
});
