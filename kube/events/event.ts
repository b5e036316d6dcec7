import type { KubeObject } from '../object.ts';
import { resource } from '../resource.ts';

export type Series = { readonly count: number; readonly lastObservedTime: string };

/** events.k8s.io/v1, as it is written today. */
export type Event = KubeObject & {
  readonly eventTime: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly regarding: EventTarget;
  readonly related?: EventTarget | undefined;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly series?: Series | undefined;
};

export type EventTarget = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
};

export const events = resource<Event>({ apiVersion: 'events.k8s.io/v1', kind: 'Event' });

/** What the API accepts. */
const noteCharactersMax = 1_024;

/** Of an object, what an event names it by. */
export type Regarded = Pick<KubeObject, 'apiVersion' | 'kind'> & {
  readonly metadata: Pick<KubeObject['metadata'], 'name' | 'namespace' | 'uid'>;
};

export type Occurrence = {
  regarding: Regarded;
  related?: Regarded | undefined;
  type: 'Normal' | 'Warning';
  /** Why, for programs: one word, such as `ScaledUp`. */
  reason: string;
  /** What was done or tried, such as `Scale`. */
  action: string;
  /** For people. */
  note: string;
};

/**
 * Occurrences of the same kind are one event with a count. Its note is that of the first, for the API lets nobody change
 * one: what says something else, and not only with other numbers, is another event.
 */
export const seriesKey = ({ regarding, related, reason, action, type, note }: Occurrence): string =>
  JSON.stringify([identityOf(regarding), related && identityOf(related), reason, action, type, wordsOf(note)]);

const wordsOf = (note: string): string => note.slice(0, noteCharactersMax).replace(/\d+(\.\d+)?/g, '#');

const identityOf = ({ apiVersion, kind, metadata }: Regarded): string =>
  [apiVersion, kind, metadata.namespace ?? '', metadata.name, metadata.uid ?? ''].join(' ');

const targetOf = ({ apiVersion, kind, metadata: { namespace, name, uid } }: Regarded): EventTarget => ({
  apiVersion,
  kind,
  namespace,
  name,
  uid,
});

/** The same, without the rest of the objects: a recorder remembers it for minutes, and objects are large. */
export const remembered = (of: Occurrence): Occurrence => ({
  ...of,
  regarding: regarded(of.regarding),
  related: of.related && regarded(of.related),
});

const regarded = ({ apiVersion, kind, metadata: { namespace, name, uid } }: Regarded): Regarded => ({
  apiVersion,
  kind,
  metadata: { name, namespace, uid },
});

/** The event of a first occurrence. Events of what belongs to the cluster are kept in `default`. */
export function newEvent(
  of: Occurrence,
  { suffix, time, controller, instance }: { suffix: string; time: string; controller: string; instance: string },
): Event {
  const { regarding, related, type, reason, action, note } = of;
  const { name, namespace = 'default' } = regarding.metadata;
  return {
    apiVersion: events.apiVersion,
    kind: events.kind,
    metadata: { name: `${name.slice(0, 200)}.${suffix}`, namespace },
    eventTime: time,
    type,
    reason,
    action,
    note: note.length > noteCharactersMax ? `${note.slice(0, noteCharactersMax - 1)}…` : note,
    regarding: targetOf(regarding),
    ...(related ? { related: targetOf(related) } : {}),
    reportingController: controller,
    reportingInstance: instance,
  };
}
