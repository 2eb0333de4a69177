import type { Redis } from 'ioredis'
import { readRunId } from './connection.js'
import { type StoreKeys, storeKeys } from './keys.js'
import { loadScript, runScript, type Script, type ScriptName, scriptKeys } from './scripts.js'

/** A script's reply that the contract between TypeScript and Lua does not know. */
export class BrokenScriptError extends Error {}

/**
 * Runs the scripts of a store on a connection, and tells each of them which server the connection
 * leads to: the scripts refuse to change stock on a server that was not verified.
 */
export class StoreScripts {
  readonly keys: StoreKeys
  private readonly scripts = new Map<ScriptName, Script>()
  private knownRunId: string | undefined

  constructor(
    private readonly redis: Redis,
    readonly store: string,
  ) {
    this.keys = storeKeys(store)
    for (const name of Object.keys(scriptKeys) as ScriptName[]) {
      this.scripts.set(name, loadScript(name))
    }
    // Only with a new connection can the server behind it be another one.
    redis.on('close', () => {
      this.knownRunId = undefined
    })
  }

  /** The run id of the server the connection leads to. */
  async runId(): Promise<string> {
    this.knownRunId ??= await readRunId(this.redis)
    return this.knownRunId
  }

  /**
   * Runs a script with its declared keys; `keys` replaces them where they depend on the call.
   *
   * @param expectedRunId the server it must run on: `other-server` alone is answered on any other.
   * @returns the script's replies; `redis-unavailable` alone when the effect is unknown, and
   *   `memory-full` alone when Redis refused to run it.
   * @throws BrokenScriptError when the script itself failed; it changed nothing.
   */
  async run(
    name: ScriptName,
    args: readonly (string | number)[],
    keys: readonly string[] = this.declaredKeys(name),
    expectedRunId?: string,
  ): Promise<string[]> {
    return (await this.runOnServer(name, args, keys, expectedRunId)).replies
  }

  /** The same, with the run id of the server that the script was given: '' when there was none. */
  async runOnServer(
    name: ScriptName,
    args: readonly (string | number)[],
    keys: readonly string[] = this.declaredKeys(name),
    expectedRunId?: string,
  ): Promise<{ replies: string[]; server: string }> {
    let server = ''
    try {
      server = this.knownRunId ?? (await this.runId())
      if (expectedRunId !== undefined && server !== expectedRunId)
        return { replies: ['other-server'], server }
      const replies = await runScript(this.redis, this.scripts.get(name) as Script, keys, [server, ...args])
      return { replies, server }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (error.message.startsWith('OOM ')) return { replies: ['memory-full'], server }
      if (isScriptError(error)) throw new BrokenScriptError(`${name}: ${error.message}`, { cause: error })
      return { replies: ['redis-unavailable'], server }
    }
  }

  private declaredKeys(name: ScriptName): string[] {
    return scriptKeys[name].map((key) => {
      const declared = this.keys[key]
      if (typeof declared !== 'string') throw new Error(`${name} takes the key ${key} from its caller`)
      return declared
    })
  }
}

/** An error raised by Lua or by a command in a script, unlike one of the connection or the server. */
function isScriptError(error: Error): boolean {
  return (
    error.name === 'ReplyError' &&
    !/^(LOADING|READONLY|BUSY|MISCONF|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|NOAUTH|WRONGPASS|UNKILLABLE|TRYAGAIN|MOVED) /.test(
      error.message,
    )
  )
}
