import { randomBytes } from 'node:crypto'
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { StartupError } from './startup-error.js'

/** Creates the folder, readable by its owner only, where it is missing; returns its real path. */
export async function prepareFolder(folder: string): Promise<string> {
  const wanted = resolve(folder)
  try {
    await makeFolder(wanted)
    const real = await realpath(wanted)
    const trial = join(real, `.writable-${randomBytes(6).toString('hex')}`)
    await writeFile(trial, '', { flag: 'wx' })
    await rm(trial)
    return real
  } catch (error) {
    throw new StartupError(`The data folder ${wanted} cannot be used: ${reason(error)}.`)
  }
}

/**
 * Not Node's recursive mkdir: that never ends where a folder exists but admits no new entries with
 * ENOENT, as /proc does.
 */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder)
  if (!(await exists(parent))) await makeFolder(parent)
  try {
    await mkdir(folder, { mode: 0o700 })
  } catch (error) {
    // Another process may have made it in between.
    if (!(await isFolder(folder))) throw error
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error) => error.code !== 'ENOENT',
  )
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** The folder's own random password, made on first use and readable by its owner only. */
export async function folderPassword(folder: string): Promise<string> {
  const file = join(folder, 'password')
  const kept = await readFile(file, 'utf8').catch(() => '')
  if (/^[0-9a-f]{48}$/.test(kept.trim())) return kept.trim()
  const fresh = randomBytes(24).toString('hex')
  await writePrivately(file, `${fresh}\n`)
  return fresh
}

/** Replaces a file in one step, with mode 0600 from its first byte on. */
export async function writePrivately(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, text, { flag: 'wx', mode: 0o600 })
  await rename(draft, file)
}

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a file of that name is in its place',
  ENOENT: 'the path does not exist and cannot be made',
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return reasons[code] ?? (error as Error).message
}
