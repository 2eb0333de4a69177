import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'

/**
 * What tells one process from a later one with the same id: its start, and on Linux the boot it
 * belongs to. Undefined when no such process runs; a zombie counts as not running.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return askPs(pid, 'lstart=')
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces and parentheses, so fields are counted after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
    return `${boot.trim()}:${fields[19]}`
  } catch {
    return undefined
  }
}

/**
 * True when the process exists and its command line holds one of the marks. Marks end with a space
 * where they end with a path, so that a folder is not mistaken for one whose name begins alike.
 */
export async function processCarries(pid: number, marks: readonly string[]): Promise<boolean> {
  const line = `${(await commandLine(pid)) ?? ''} `
  return marks.some((mark) => line.includes(mark))
}

async function commandLine(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return askPs(pid, 'command=')
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
  } catch {
    return undefined
  }
}

function askPs(pid: number, field: string): Promise<string | undefined> {
  const options = { env: { ...process.env, LC_ALL: 'C' }, timeout: 5_000 }
  return new Promise((resolve) => {
    execFile('ps', ['-ww', '-o', field, '-p', String(pid)], options, (error, stdout) => {
      resolve(error ? undefined : stdout.trim() || undefined)
    })
  })
}
