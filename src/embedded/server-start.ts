import { setTimeout as delay } from 'node:timers/promises'
import { anyFreePort, choosePort, rememberPort } from './port-choice.js'
import { launchServer, logFile, readLog, type ServerProcess } from './server-process.js'
import { type Progress, StartupError } from './startup-error.js'

/** Ports tried when others keep taking the chosen one between choosing and binding. */
const portAttemptsMax = 5
/** Long enough to replay a large append-only file or redo log on a slow disk. */
const readyTimeoutMs = 120_000
const probePauseMs = 40
const patienceNoteMs = 10_000

export interface ServerPlan {
  name: string
  folder: string
  /** Used as it is or not at all; without it the folder's last port or a free one is taken. */
  port: number | undefined
  /** Writes what the server reads at start and returns its command line. */
  prepare(port: number): Promise<readonly string[]>
  /** One bounded attempt to be served. */
  isReady(port: number): Promise<boolean>
  progress: Progress
}

/** Starts a server and waits until it serves; nothing stays running when that fails. */
export async function startServer(plan: ServerPlan): Promise<ServerProcess & { port: number }> {
  let port = plan.port ?? (await choosePort(plan.folder))
  for (let attempt = 1; ; attempt++) {
    plan.progress(`starting ${plan.name} on port ${port}`)
    const server = await launchServer(plan.folder, await plan.prepare(port))
    try {
      if (await becomesReady(plan, server, port)) {
        await rememberPort(plan.folder, port)
        return { ...server, port }
      }
    } catch (error) {
      await server.stop()
      throw error
    }
    await server.stop()
    const log = await readLog(plan.folder)
    const portTaken = /address already in use|failed listening on port/i.test(log)
    if (!portTaken) throw new StartupError(await exitSentence(plan, server, log))
    if (plan.port !== undefined || attempt === portAttemptsMax) {
      throw new StartupError(`${plan.name} cannot start because port ${port} on 127.0.0.1 is taken.`)
    }
    port = await anyFreePort()
  }
}

/** False when the server exits instead. */
async function becomesReady(plan: ServerPlan, server: ServerProcess, port: number): Promise<boolean> {
  const began = Date.now()
  let nextNote = began + patienceNoteMs
  while (!server.hasExited()) {
    const answers = await Promise.race([plan.isReady(port), server.exited.then(() => false)])
    if (answers && !server.hasExited()) return true
    if (Date.now() - began > readyTimeoutMs) {
      const seconds = readyTimeoutMs / 1000
      throw new StartupError(
        `${plan.name} did not answer within ${seconds} s; its log is ${logFile(plan.folder)}.`,
      )
    }
    if (Date.now() > nextNote) {
      plan.progress(`${plan.name} is still loading its data`)
      nextNote += patienceNoteMs
    }
    await Promise.race([server.exited, delay(probePauseMs)])
  }
  return false
}

async function exitSentence(plan: ServerPlan, server: ServerProcess, log: string): Promise<string> {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  // MariaDB ends its log with "Aborting"; the reason is the error before it.
  const errors = lines.filter((line) => line.includes('[ERROR]') && !/Aborting$/.test(line))
  const said = errors.at(-1) ?? lines.at(-1) ?? 'nothing in its log'
  return `${plan.name} ended during its start (${await server.exited}; ${logFile(plan.folder)}): ${said}`
}
