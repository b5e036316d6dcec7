import { defineConfig } from 'vitest/config';

const rooms = ['core', 'crds', 'kube', 'operator', 'router', 'runtime', 'cli', 'charts', 'scripts'];
const shared = {
  environment: 'node',
  pool: 'forks',
  passWithNoTests: false,
  // Looks often, and waits long enough for a machine that is busy.
  expect: { poll: { interval: 5, timeout: 10_000 } },
} as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: rooms.map((room) => `${room}/**/*.test.ts`),
          exclude: ['**/node_modules/**'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['test/{contract,e2e,harness,house,perf,promises,routing,simulation}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.full.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'full',
          include: ['test/**/*.full.test.ts'],
          exclude: ['**/node_modules/**', 'test/cluster/**'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      {
        // On a real control plane, which is built on first use and skipped where it cannot run.
        test: {
          ...shared,
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
