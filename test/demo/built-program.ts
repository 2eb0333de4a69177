import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
/** What the program reads beside itself, or resolves its packages from. */
const neighbours = ['package.json', 'lua', 'prisma', 'node_modules']

/**
 * Builds the command line into a folder of its own, so that the processes under test are what the
 * sources say and not what the last build left.
 */
export async function buildProgram(): Promise<{ mainFile: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-built-'))
  for (const name of neighbours) await symlink(join(root, name), join(folder, name))
  const places = ['--outDir', join(folder, 'dist'), '--tsBuildInfoFile', join(folder, '.tsbuildinfo')]
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', ...places], { cwd: root })
  return {
    mainFile: join(folder, 'dist/main.js'),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
