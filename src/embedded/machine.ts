import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Where programs are looked for, and as whom. An argument, so that a test can give another machine. */
export interface Machine {
  folders: readonly string[]
  /** 0 is root; undefined where the system has no such ids. */
  userId: number | undefined
}

/** Folders that hold servers and are often missing from a user's PATH. */
const serverFolders = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/bin',
  '/usr/libexec',
  '/usr/local/mysql/bin',
  ...['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew'].flatMap((brew) => [
    `${brew}/bin`,
    ...['redis', 'valkey', 'mariadb', 'mysql'].map((formula) => `${brew}/opt/${formula}/bin`),
  ]),
]

export function thisMachine(): Machine {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))
  return { folders: [...new Set([...path, ...serverFolders])], userId: process.getuid?.() }
}

/** The path of the first program found; earlier names win over earlier folders. */
export async function findProgram(machine: Machine, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const folder of machine.folders) {
      const path = join(folder, name)
      if (await isExecutable(path)) return path
    }
  }
  return undefined
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
