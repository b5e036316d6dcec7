import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deploymentOf } from '../../harness/pool.ts';
import { drain, drainScript } from './drain.ts';

/** What vLLM says of itself, as far as the script looks. */
const metricsOf = (running: number, waiting = 0): string => `# HELP vllm:num_requests_running Requests in the engine.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a b"} ${running}.0
vllm:num_requests_waiting{engine="0",model_name="a b"} ${waiting}.0
vllm:num_requests_waiting_by_reason{reason="capacity"} 0.0
vllm:num_preemptions_total{engine="0"} 7.0
`;

let server: Server;
let url: string;
let answers: (() => string)[];
beforeEach(async () => {
  answers = [];
  server = createServer((_request, response) => response.end((answers.shift() ?? (() => metricsOf(0)))()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

function run(noticeSeconds: number, limitSeconds: number): Promise<{ code: number | null; errors: string }> {
  const args = ['-c', drainScript, url, String(noticeSeconds), String(limitSeconds)];
  const child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, errors }));
  });
}

describe('the end of a vLLM pod', () => {
  it('waits until nothing runs and nothing waits', async () => {
    answers = [() => metricsOf(2), () => metricsOf(0, 1), () => metricsOf(0)];
    expect(await run(0, 60)).toEqual({ code: 0, errors: '' });
    expect(answers).toHaveLength(0);
  });

  it('comes at once where nothing runs', async () => {
    let asked = 0;
    answers = Array.from({ length: 5 }, () => () => (asked++, metricsOf(0)));
    expect(await run(0, 60)).toEqual({ code: 0, errors: '' });
    expect(asked).toBe(1);
  });

  it('is not put off for longer than the grace period', async () => {
    answers = Array.from({ length: 1000 }, () => () => metricsOf(1));
    expect(await run(0, 1)).toEqual({ code: 0, errors: '' });
    expect(answers.length).toBeGreaterThan(0);
  });

  it('waits for nobody when the server is gone already', async () => {
    await new Promise((resolve) => server.close(resolve));
    expect(await run(0, 60)).toEqual({ code: 0, errors: '' });
    server.listen(0);
  });

  it('gives everyone time to notice, and answers time to finish', () => {
    const { exec } = drain(deploymentOf({ drain: { preStop: '20s', gracePeriod: '4m' } }));
    expect(exec?.command?.slice(-3)).toEqual(['http://127.0.0.1:8000/metrics', '20', '240']);
  });
});
