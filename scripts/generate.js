// Generates the Prisma client from prisma/schema.prisma, unless the one there is newer.
import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const schema = 'prisma/schema.prisma'
const client = 'src/ledger/prisma-client/client.ts'

if (!existsSync(client) || statSync(client).mtimeMs < statSync(schema).mtimeMs) {
  const prisma = fileURLToPath(import.meta.resolve('prisma/build/index.js'))
  execFileSync(process.execPath, [prisma, 'generate'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      // Generating needs no engine. Naming one keeps Prisma from downloading it, and from asking
      // for news.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  })
}
