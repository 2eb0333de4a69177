import { chown, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lastLines, runCommand } from '#product/embedded/command-run.js'
import { folderPassword, prepareFolder } from '#product/embedded/data-folder.js'
import { findProgram, type Machine, thisMachine } from '#product/embedded/machine.js'
import { askPort } from '#product/embedded/port-question.js'
import { startServer } from '#product/embedded/server-start.js'
import { installPostgres } from './postgres-install.js'

export interface PostgresServer {
  pid: number
  version: string
  /** An empty database of its own. @returns postgres://holdfast:password@127.0.0.1:port/name */
  createDatabase(): Promise<{ url: string; drop(): Promise<void> }>
  stop(): Promise<void>
}

/** The system's unprivileged user; PostgreSQL refuses to be root. */
const nobody = 65_534

/** Runs a PostgreSQL of our own, installing it where that may be done. @throws Error with the reason. */
export async function startPostgres(o: {
  folder: string
  progress: (line: string) => void
}): Promise<PostgresServer> {
  const bin = await provideBin(o.progress)
  const folder = await prepareFolder(o.folder)
  const asRoot = process.getuid?.() === 0
  const asUser = asRoot ? await unprivileged() : []
  const password = await folderPassword(folder)
  const passwordFile = join(folder, 'initial-password')
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  if (asRoot) {
    await chown(folder, nobody, nobody)
    await chown(passwordFile, nobody, nobody)
  }
  const data = join(folder, 'data')
  const initialise = [...asUser, join(bin, 'initdb'), '-D', data, '-U', 'holdfast', '-A', 'scram-sha-256']
  const initialised = await runCommand(
    [...initialise, `--pwfile=${passwordFile}`, '--no-sync'] as unknown as [string, ...string[]],
    { timeoutMs: 90_000, endsWithParent: true },
  )
  if (initialised.status !== 0) throw new Error(`initdb failed: ${lastLines(initialised.output)}`)
  const server = await startServer({
    name: 'postgres',
    folder,
    port: undefined,
    progress: () => {},
    prepare: async (port) => [
      ...asUser,
      join(bin, 'postgres'),
      ...['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1'],
    ],
    isReady: acceptsStartup,
  })
  const address = ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'holdfast']
  const ask = async (program: string, ...args: string[]) => {
    const command = [join(bin, program), ...address, ...args] as unknown as [string, ...string[]]
    const { status, output } = await runCommand(command, { timeoutMs: 90_000, env: { PGPASSWORD: password } })
    if (status !== 0) throw new Error(`${program} failed: ${lastLines(output)}`)
    return output.trim()
  }
  let databases = 0
  return {
    pid: server.pid,
    version: await ask('psql', '-Atc', 'SHOW server_version', 'postgres'),
    createDatabase: async () => {
      const name = `bench_${++databases}`
      await ask('createdb', name)
      return {
        url: `postgres://holdfast:${password}@127.0.0.1:${server.port}/${name}`,
        drop: async () => void (await ask('dropdb', name)),
      }
    },
    stop: server.stop,
  }
}

async function unprivileged(): Promise<string[]> {
  const setpriv = await findProgram(thisMachine(), ['setpriv'])
  if (!setpriv) throw new Error('PostgreSQL refuses to run as root, and setpriv is not there to change that')
  return [setpriv, `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
}

async function provideBin(progress: (line: string) => void): Promise<string> {
  const found = await findBin()
  if (found) return found
  await installPostgres(progress)
  const installed = await findBin()
  if (!installed) throw new Error('PostgreSQL cannot be found after its installation')
  return installed
}

/** The folder of both programs. Debian keeps them out of PATH, by version. */
async function findBin(): Promise<string | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a))
  const folders = newestFirst.map((version) => `/usr/lib/postgresql/${version}/bin`)
  const machine: Machine = { ...thisMachine(), folders: [...folders, ...thisMachine().folders] }
  for (const folder of machine.folders) {
    const here = { ...machine, folders: [folder] }
    if ((await findProgram(here, ['initdb'])) && (await findProgram(here, ['postgres']))) return folder
  }
  return undefined
}

/** A startup message for a user that does not exist is answered once the server serves. */
async function acceptsStartup(port: number): Promise<boolean> {
  const body = Buffer.from('\0\x03\0\0user\0nobody\0\0', 'latin1')
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  const answer = await askPort({
    port,
    say: Buffer.concat([length, body]).toString('latin1'),
    enough: (bytes) => bytes.length > 0,
    timeoutMs: 2000,
  })
  // R asks for a password; E, an error, is also what a server says that is still starting.
  return answer?.[0] === 'R'.charCodeAt(0)
}
