import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Terminal, widthMax } from './terminal.ts';

const withColumns = (columns: number | undefined): Terminal => {
  const stdout = Object.assign(new PassThrough(), columns === undefined ? {} : { columns });
  return new Terminal({ stdin: new PassThrough(), stdout, stderr: new PassThrough() });
};

describe('the width of a table', () => {
  it.each([
    ['a file', undefined, widthMax],
    ['a terminal that does not know its size', 0, widthMax],
    ['a narrow terminal', 60, 60],
    ['a wide one', 200, widthMax],
  ])('on %s', (_, columns, wanted) => {
    expect(withColumns(columns).width).toBe(wanted);
  });
});
