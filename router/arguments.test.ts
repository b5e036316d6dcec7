import { describe, expect, it } from 'vitest';
import { readArguments, usageOf } from './arguments.ts';

describe('the command line of a router', () => {
  it('means the process that started it when it says nothing, and a file when it names one', () => {
    expect(readArguments([])).toEqual({ discovery: 'local', file: undefined });
    expect(readArguments(['--config', 'router.yaml'])).toEqual({ discovery: 'static', file: 'router.yaml' });
    expect(readArguments(['--discovery', 'kube'])).toEqual({ discovery: 'kube', file: undefined });
  });

  it.each([['--confg', 'x'], ['--config'], ['router.yaml']])('is refused in words when it is %s %s', (...args) => {
    expect(() => readArguments(args)).toThrow(expect.objectContaining({ code: 'invalid_config' }));
  });

  it('is explained with the names that there are', () => {
    expect(usageOf(['local', 'static'])).toContain('local, static');
  });
});
