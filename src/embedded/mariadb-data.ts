import { randomBytes } from 'node:crypto'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorLines, runCommand } from './command-run.js'
import type { MariadbPrograms } from './programs.js'
import { type Progress, StartupError } from './startup-error.js'

const initialiseTimeoutMs = 90_000
const draftPrefix = 'data.new-'

/**
 * The data directory, initialised on first use. That happens in a folder beside it which is renamed
 * when complete: an interrupted initialisation leaves a draft, never half a data directory.
 */
export async function provideMariadbData(
  folder: string,
  programs: MariadbPrograms,
  arguments_: readonly string[],
  { tmpdir, progress }: { tmpdir: string; progress: Progress },
): Promise<string> {
  const data = join(folder, 'data')
  await removeDrafts(folder)
  if (await exists(data)) return data
  progress('preparing the data folder of MariaDB ...')
  // Named relative to the working directory, for the script does not quote paths with spaces.
  const draft = `${draftPrefix}${randomBytes(6).toString('hex')}`
  const result = await runCommand(initialiseCommand(programs, draft, arguments_), {
    cwd: folder,
    // Not as an argument, for the script does not quote those either.
    env: { TMPDIR: tmpdir },
    timeoutMs: initialiseTimeoutMs,
    endsWithParent: true,
  })
  if (result.status !== 0) {
    // Behind its errors the script prints a page of advice.
    throw new StartupError(
      `The data folder of MariaDB in ${folder} cannot be prepared: ${errorLines(result.output)}`,
    )
  }
  await rename(join(folder, draft), data)
  return data
}

function initialiseCommand(
  programs: MariadbPrograms,
  draft: string,
  arguments_: readonly string[],
): [string, ...string[]] {
  if (programs.initialiser === undefined) {
    return [programs.server, '--no-defaults', '--initialize-insecure', `--datadir=./${draft}`, ...arguments_]
  }
  return [
    programs.initialiser,
    '--no-defaults',
    `--datadir=./${draft}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
    '--cross-bootstrap',
    ...arguments_,
  ]
}

async function removeDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.startsWith(draftPrefix))
  for (const draft of drafts) {
    await rm(join(folder, draft), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
