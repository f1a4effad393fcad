import { defineConfig } from 'vitest/config';

// Tests in a real browser against real parts: one installation, one file after the other.
export default defineConfig({
  test: {
    name: 'browser',
    include: ['e2e/**/*.e2e.ts'],
    environment: 'node',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
