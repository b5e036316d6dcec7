import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Progress } from './progress.ts';
import { Terminal } from './terminal.ts';

describe('progress that nobody watches', () => {
  it('is a line now and then, and one at the end', () => {
    const stderr = new PassThrough({ encoding: 'utf8' });
    let nowMs = 0;
    const terminal = new Terminal({ stdin: process.stdin, stdout: new PassThrough(), stderr });
    const progress = new Progress(terminal, () => nowMs);
    progress.count('pools ready', 0, 20);
    progress.count('pools ready', 1, 20);
    nowMs = 5_000;
    progress.count('pools ready', 12, 20);
    progress.count('pools ready', 20, 20);
    progress.count('pools ready', 20, 20);
    progress.bytes('model.gguf', 3_000_000, 6_000_000);
    progress.stop();
    expect(String(stderr.read()).split('\n')).toEqual([
      '  pools ready: 0 of 20',
      '  pools ready: 12 of 20',
      '  pools ready: 20 of 20',
      '  model.gguf: 3.0 MB of 6.0 MB',
      '',
    ]);
  });
});
