import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { prepareFolder } from './data-folder.js'
import { processStart } from './process-identity.js'
import { StartupError } from './startup-error.js'

export interface FolderClaim {
  /** The folder's real path. */
  folder: string
  release(): Promise<void>
}

/*
 * A claim is a file `claim-N` that names its owner by pid and start, so that a recycled pid does not
 * keep a folder closed. The highest N owns the folder. Whoever finds the highest released or its
 * owner dead creates N + 1 exclusively, and owns the folder if that is then still the highest. The
 * highest is never deleted, not even when it is released: N only grows, so of two that find the same
 * dead owner, one wins, however slow the other is.
 */
const attemptsMax = 50

/** Takes the folder for this process, or throws a StartupError when a live process has it. */
export async function claimFolder(wanted: string): Promise<FolderClaim> {
  const folder = await prepareFolder(wanted)
  const self = JSON.stringify({ pid: process.pid, start: await processStart(process.pid) })
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const highest = (await claimNumbers(folder)).at(-1) ?? 0
    const owner = await liveOwner(claimFile(folder, highest))
    if (owner !== undefined) {
      throw new StartupError(
        `The data folder ${folder} is in use by another Holdfast (process ${owner}): stop that one first, or choose another folder with HOLDFAST_DATA.`,
      )
    }
    if (await createClaim(folder, highest + 1, self)) return asClaim(folder, highest + 1)
  }
  throw new StartupError(`The data folder ${folder} is being taken by several processes at once.`)
}

/** Whether a live process has the folder. */
export async function isClaimed(folder: string): Promise<boolean> {
  const numbers = await claimNumbers(folder).catch(() => [])
  const highest = numbers.at(-1)
  return highest !== undefined && (await liveOwner(claimFile(folder, highest))) !== undefined
}

async function createClaim(folder: string, number: number, self: string): Promise<boolean> {
  const file = claimFile(folder, number)
  try {
    await writeFile(file, self, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  const numbers = await claimNumbers(folder)
  if (numbers.at(-1) !== number) {
    await rm(file, { force: true })
    return false
  }
  for (const older of numbers.slice(0, -1)) await rm(claimFile(folder, older), { force: true })
  return true
}

function asClaim(folder: string, number: number): FolderClaim {
  return {
    folder,
    release: () => writeFile(claimFile(folder, number), '{}').catch(() => {}),
  }
}

/** The pid of the process that holds this claim, if it still runs. */
async function liveOwner(file: string): Promise<number | undefined> {
  // A claim is created and filled in two steps; one that stays empty was cut short by a crash.
  for (let look = 0; look < 20; look++) {
    const text = await readFile(file, 'utf8').catch(() => '{}')
    const claim = parseClaim(text)
    if (claim === undefined) {
      await delay(50)
      continue
    }
    if (claim.pid === undefined) return undefined
    const start = await processStart(claim.pid)
    return start !== undefined && start === claim.start ? claim.pid : undefined
  }
  return undefined
}

function parseClaim(text: string): { pid?: number; start?: string } | undefined {
  try {
    return JSON.parse(text) as { pid?: number; start?: string }
  } catch {
    return undefined
  }
}

async function claimNumbers(folder: string): Promise<number[]> {
  const found = (await readdir(folder)).map((name) => /^claim-(\d+)$/.exec(name)?.[1])
  return found
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}

function claimFile(folder: string, number: number): string {
  return join(folder, `claim-${number}`)
}
