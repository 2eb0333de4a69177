import { defineConfig } from 'vitest/config'

/** Whose tests share a browser that ends with their file. */
const browserTests = 'test/console/*.test.ts'

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-servers.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Each file has a store and a database of its own; two cores carry two files at once.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'service',
          include: ['test/**/*.test.ts'],
          exclude: [browserTests],
          globalSetup: [],
          setupFiles: ['test/support/each-file.ts'],
          // Loading the service, Prisma and Fastify anew for each file takes half of all the time.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'console',
          include: [browserTests],
          globalSetup: [],
          setupFiles: ['test/support/each-file.ts'],
        },
      },
    ],
  },
})
