import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { endWithParent } from './parent-exit.js'
import { processCarries } from './process-identity.js'

/** How long a server may take to end cleanly before it is killed. */
const stopTimeoutMs = 30_000
/** How long the system may take to end a killed process. */
const killTimeoutMs = 5_000

export interface ServerProcess {
  pid: number
  /** Resolves with how it ended ("status 1", "signal SIGKILL"); never rejects. */
  exited: Promise<string>
  hasExited(): boolean
  /** Ends it cleanly and waits for that; kills it when it does not end in time. Idempotent. */
  stop(): Promise<void>
}

/*
 * The shell writes its own process id and then becomes the server: the id is on disk before the
 * server opens its files, so even if this process is killed in between, the next start finds it.
 */
const becomeServer = 'umask 077; echo $$ > "$0"; exec "$@"'

/**
 * Starts a server in a process group of its own, so that Ctrl-C at the terminal reaches only us and
 * we end it in order. Its output goes to `server.log`, that of the run before to `server.log.1`.
 */
export async function launchServer(folder: string, command: readonly string[]): Promise<ServerProcess> {
  await rename(logFile(folder), `${logFile(folder)}.1`).catch(() => {})
  const log = openSync(logFile(folder), 'a', 0o600)
  const child = spawn('/bin/sh', ['-c', becomeServer, pidFile(folder), ...command], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const forget = child.pid ? endWithParent(child.pid) : () => {}
  let ended = false
  const exited = new Promise<string>((resolve) => {
    const settle = (how: string) => {
      ended = true
      forget()
      resolve(how)
    }
    child.once('error', (error) => settle(error.message))
    child.once('exit', (status, signal) => settle(signal ? `signal ${signal}` : `status ${status}`))
  })
  let stopping: Promise<void> | undefined
  const stop = async () => {
    for (const [signal, timeoutMs] of escalation) {
      if (!ended) child.kill(signal)
      if (await endsWithin(exited, timeoutMs)) return rm(pidFile(folder), { force: true })
    }
    throw new Error(`process ${child.pid} does not end`)
  }
  return {
    pid: child.pid ?? 0,
    exited,
    hasExited: () => ended,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

/**
 * Ends the server that a killed process of ours left running on this folder. Only a process whose
 * command line carries one of this folder's marks is touched: the id may long belong to another.
 */
export async function stopLeftover(folder: string, marks: readonly string[]): Promise<boolean> {
  const pid = Number(await readFile(pidFile(folder), 'utf8').catch(() => ''))
  const isOurs = async () => Number.isInteger(pid) && pid > 1 && (await processCarries(pid, marks))
  if (!(await isOurs())) return false
  for (const [signal, timeoutMs] of escalation) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    const deadline = Date.now() + timeoutMs
    while (Date.now() < deadline) {
      if (!(await isOurs())) return true
      await delay(50)
    }
  }
  throw new Error(`process ${pid}, left by an earlier run on ${folder}, does not end`)
}

const escalation = [
  ['SIGTERM', stopTimeoutMs],
  ['SIGKILL', killTimeoutMs],
] as const

/** Everything this run of the server has logged; empty when it has not. */
export function readLog(folder: string): Promise<string> {
  return readFile(logFile(folder), 'utf8').catch(() => '')
}

export function logFile(folder: string): string {
  return join(folder, 'server.log')
}

async function endsWithin(exited: Promise<string>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController()
  const late = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false)
  const ended = await Promise.race([exited.then(() => true), late])
  timer.abort()
  return ended
}

function pidFile(folder: string): string {
  return join(folder, 'server.pid')
}
