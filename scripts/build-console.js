// Builds the console's page, src/console, into dist/console, unless the one there is newer than all that it
// is made of. So what serves it does not find its files half written because somebody builds again.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const page = 'dist/console/index.html'
const sources = [...sourceFiles('src/console'), 'src/domain/limits.ts', 'vite.config.ts', 'package-lock.json']

if (!existsSync(page) || sources.some((file) => changedMs(file) > changedMs(page))) await build()

function sourceFiles(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name))
}

function changedMs(file) {
  return statSync(file).mtimeMs
}
