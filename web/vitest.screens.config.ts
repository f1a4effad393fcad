import { defineConfig, mergeConfig } from 'vitest/config';
import e2e from './vitest.e2e.config';

// `make screenshots`: looks at pages, asserts little.
export default mergeConfig(
  { ...e2e, test: { ...e2e.test, include: [] } },
  defineConfig({ test: { name: 'screenshots', include: ['e2e/**/*.screens.ts'], testTimeout: 600_000 } }),
);
