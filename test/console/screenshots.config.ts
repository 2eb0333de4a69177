import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/console/*.screenshots.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
  },
})
