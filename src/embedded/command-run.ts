import { spawn } from 'node:child_process'
import { endWithParent } from './parent-exit.js'

export interface CommandResult {
  /** The exit status; undefined when the command could not run or ran out of time. */
  status: number | undefined
  /** The last of standard output and standard error, together. */
  output: string
}

const outputLengthMax = 16_384

/**
 * Runs a command to its end, with no input and in a process group of its own: an interrupt from the
 * terminal must not stop a package manager half way.
 */
export function runCommand(
  command: readonly [string, ...string[]],
  o: { timeoutMs: number; env?: Record<string, string>; cwd?: string; endsWithParent?: boolean },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const [file, ...args] = command
    const env = { ...process.env, LC_ALL: 'C', ...o.env }
    const child = spawn(file, args, { env, cwd: o.cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const forget = o.endsWithParent && child.pid ? endWithParent(-child.pid) : () => {}
    let output = ''
    let late = false
    const keep = (chunk: string) => {
      output = (output + chunk).slice(-outputLengthMax)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    const timer = setTimeout(() => {
      late = true
      keep(`\n${file} took longer than ${o.timeoutMs / 1000} s.`)
      signalGroup(child.pid)
      child.stdout.destroy()
      child.stderr.destroy()
    }, o.timeoutMs)
    const finish = (status: number | undefined) => {
      clearTimeout(timer)
      forget()
      resolve({ status: late ? undefined : status, output })
    }
    child.once('error', (error) => {
      keep(error.message)
      finish(undefined)
    })
    child.once('close', (status) => finish(status ?? undefined))
  })
}

/** The last lines that say something, on one line. */
export function lastLines(output: string, count = 3): string {
  return linesOf(output).slice(-count).join(' / ')
}

/** The first lines that are marked as errors, on one line; without any, the last ones. */
export function errorLines(output: string, count = 3): string {
  const errors = linesOf(output).filter((line) => line.includes('[ERROR]'))
  return errors.slice(0, count).join(' / ') || lastLines(output, count)
}

function linesOf(output: string): string[] {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function signalGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGTERM')
  } catch {
    // The group has ended by itself.
  }
}
