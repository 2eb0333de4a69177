import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/console/*.screenshots.ts'],
    setupFiles: ['test/support/each-file.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
  },
})
