import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-servers.ts', 'test/support/global-console.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Each file has a store and a database of its own; two cores carry two files at once.
    maxWorkers: 2,
  },
})
