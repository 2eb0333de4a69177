import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { endWithParent } from '../embedded/parent-exit.js'
import { StartupError } from '../embedded/startup-error.js'

export interface Service {
  /** Where the API listens. */
  url: string
  /** Ends the API, then the worker. Idempotent. */
  stop(): Promise<void>
}

const startTimeoutMs = 30_000
const stopTimeoutMs = 15_000
const complaintsMax = 20
/** The levels of the log's lines. */
const warnLevel = 40

/**
 * Runs an API and a worker as production does: in processes of their own, so that the crowd and the
 * service do not share an event loop, and neither's figures are the other's burden.
 *
 * @param mainFile the built command line
 * @param environment what the processes get: servers, store, port
 * @throws StartupError with what they logged when they do not start.
 */
export async function startServiceProcesses(
  mainFile: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Service> {
  const parts: Part[] = []
  const stop = async () => {
    for (const part of parts) await part.stop()
  }
  try {
    for (const command of ['api', 'worker']) parts.push(new Part(mainFile, command, environment))
    const [api] = await Promise.all(parts.map((part) => part.started))
    if (!api?.url) throw new StartupError('The API did not tell where it listens.')
    let stopping: Promise<void> | undefined
    return {
      url: api.url,
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface LogLine {
  level: number
  msg: string
  url?: string
}

class Part {
  /** Resolves with the line that says that it runs. */
  readonly started: Promise<LogLine>
  private readonly child: ChildProcess
  private readonly exited: Promise<unknown>
  /** The last lines it logged that are not of its normal course. */
  private readonly complaints: string[] = []

  constructor(mainFile: string, command: string, environment: Readonly<Record<string, string | undefined>>) {
    // A group of its own, so that Ctrl-C at the terminal does not end it before its turn.
    this.child = spawn(process.execPath, [mainFile, command], {
      env: environment,
      // By the channel it notices that this process is gone, however it ended.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
    })
    const forget = this.child.pid ? endWithParent(this.child.pid) : () => {}
    this.exited = once(this.child, 'exit').finally(forget)
    this.exited.catch(() => {})
    this.started = this.readLog(command)
    this.started.catch(() => {})
  }

  async stop(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.child.exitCode !== null || this.child.signalCode !== null || !this.child.pid) return
      this.child.kill(signal)
      const timer = new AbortController()
      await Promise.race([this.exited, delay(stopTimeoutMs, undefined, { signal: timer.signal })])
      timer.abort()
    }
  }

  /** Each part logs one line at level info when it runs; warnings are kept for a failed start. */
  private readLog(command: string): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const fail = (how: string) =>
        reject(new StartupError([`holdfast ${command} ${how}.`, ...this.complaints].join('\n')))
      const timer = setTimeout(fail, startTimeoutMs, `did not start within ${startTimeoutMs / 1000} s`)
      timer.unref()
      this.child.once('error', (error) => fail(`cannot be run: ${error.message}`))
      this.child.once('exit', (status) => fail(`ended with status ${status}`))
      createInterface({ input: this.child.stderr as NodeJS.ReadableStream }).on('line', (text) => {
        const line = parseLogLine(text)
        if (!line || line.level >= warnLevel) {
          this.complaints.push(text)
          if (this.complaints.length > complaintsMax) this.complaints.shift()
        } else if (/ (listens|runs)$/.test(line.msg)) {
          clearTimeout(timer)
          resolve(line)
        }
      })
    })
  }
}

function parseLogLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return undefined
  }
}
