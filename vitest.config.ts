import { defineConfig } from 'vitest/config'
import { LongFilesFirst } from './test/support/long-files-first.js'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-servers.ts'],
    setupFiles: ['test/support/each-file.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Each file has a store and a database of its own; two cores carry two files at once.
    maxWorkers: 2,
    sequence: { sequencer: LongFilesFirst },
    // Loading the service, Prisma and Fastify anew for each file takes half of all the time.
    isolate: false,
  },
})
