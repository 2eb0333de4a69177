import { defineConfig } from 'vitest/config'
import { roundsAtOnce } from './rounds-at-once.js'

export default defineConfig({
  test: {
    include: ['test/faults/*.faults.ts'],
    testTimeout: 360_000,
    hookTimeout: 300_000,
    maxConcurrency: roundsAtOnce,
    disableConsoleIntercept: true,
    reporters: [['default', { summary: false }]],
  },
})
