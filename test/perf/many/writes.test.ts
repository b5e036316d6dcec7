import { describe, expect, it } from 'vitest';
import type { AuditLine } from '../../harness/cluster/audit.ts';
import { writesByKind, writesOf } from './writes.ts';

const line = (verb: string, resource: string, name?: string, user = 'operator'): AuditLine => ({
  user,
  userAgent: '',
  verb,
  uri: `/${resource}/${name}`,
  objectRef: { resource, namespace: 'a', ...(name === undefined ? {} : { name }) },
  code: 200,
  at: '2026-03-01T10:00:00Z',
});

describe('writes in an audit log', () => {
  it('are those of one user, its lease left out', () => {
    const lines = [line('patch', 'services', 'x'), line('update', 'leases', 'l'), line('patch', 'pods', 'p', 'kwok')];
    expect(writesOf(lines, 'operator')).toEqual([lines[0]]);
  });

  it('are counted by object, and what is created without a name is an object of its own', () => {
    const lines = [
      line('patch', 'services', 'x'),
      line('patch', 'services', 'x'),
      { ...line('patch', 'services', 'y'), code: 500 },
      line('create', 'events'),
      line('create', 'events'),
    ];
    expect(writesByKind(lines)).toEqual([
      { kind: 'services', objects: 2, writes: 3, refused: 1, max: 2, mean: 1.5 },
      { kind: 'events', objects: 2, writes: 2, refused: 0, max: 1, mean: 1 },
    ]);
  });
});
