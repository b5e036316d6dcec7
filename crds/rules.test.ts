import { describe, expect, it } from 'vitest';
import { brokenRules, parseObject } from './fleet-file/object.ts';
import { readDocuments } from './fleet-file/documents.ts';
import { objectOf, ruleExamples, type RuleExample } from './fixtures/rule-examples.ts';
import { kinds } from './kinds.ts';

/** What our parser answers to an object: the ids of the rules that it breaks, or its other problems. */
function refusals(kind: RuleExample['kind'], patch: RuleExample['bad'], before?: RuleExample['before']): string[] {
  const parse = (of: RuleExample['bad']) => {
    const [document] = readDocuments(JSON.stringify(objectOf(kind, of)), 'example.yaml');
    if (!document) throw new Error('no document');
    return parseObject(document);
  };
  const rules = kinds.find((known) => known.kind === kind)?.rules ?? [];
  const parsed = parse(patch);
  if (Array.isArray(parsed)) {
    return parsed.map(({ message }) => rules.find((rule) => message.startsWith(rule.message))?.id ?? message);
  }
  const old = before && parse(before);
  if (!old || Array.isArray(old)) return [];
  return brokenRules(rules, parsed.object, old.object).map(({ id }) => id);
}

describe('every rule that the API server checks', () => {
  it('has an example, and no two have the same name', () => {
    const ids = kinds.flatMap((kind) => kind.rules.map((rule) => rule.id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ruleExamples.map((example) => example.id).toSorted()).toEqual(ids.toSorted());
  });

  it.each(ruleExamples)('$id refuses the bad example here too', ({ id, kind, bad, before }) => {
    expect(refusals(kind, bad, before)).toEqual([id]);
  });

  it.each(ruleExamples)('$id accepts the good example', ({ kind, good, before }) => {
    expect(refusals(kind, good, before)).toEqual([]);
  });

  it('about changes stays silent when an object is new', () => {
    for (const { kind, bad, before } of ruleExamples.filter((example) => example.before)) {
      expect(before).toBeDefined();
      expect(refusals(kind, bad)).toEqual([]);
    }
  });

  it('lets a pool come back from another scaler with the replicas that one wrote, and no others', () => {
    const rules = kinds.flatMap((kind) => kind.rules).filter(({ id }) => id === 'replicas-or-scaling');
    const pool = (replicas: number, owner?: string): object =>
      objectOf('QwenDeployment', { spec: { replicas, ...(owner === undefined ? {} : { scaling: { owner } }) } });
    const broken = (now: object, before?: object): number => brokenRules(rules, now, before).length;
    expect(broken(pool(3, 'Internal'), pool(3, 'HPA'))).toBe(0);
    expect(broken(pool(3, 'Internal'), pool(3, 'Internal'))).toBe(0);
    expect(broken(pool(4, 'Internal'), pool(3, 'HPA'))).toBe(1);
    expect(broken(pool(3, 'Internal'), pool(3))).toBe(1);
    expect(broken(pool(3, 'Internal'))).toBe(1);
  });

  it('says what to write instead in one line', () => {
    for (const rule of kinds.flatMap((kind) => kind.rules)) {
      expect(rule.message).toMatch(/^[^\n]{20,200}$/);
      expect(rule.cel.length).toBeLessThan(600);
    }
  });
});
