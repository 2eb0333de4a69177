import { timingSafeEqual } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type ApiKey, hashKey, nameInKey } from '../domain/api-key.js'
import { type KnownKeys, readKeys } from '../ledger/api-keys.js'
import type { Database } from '../ledger/database.js'
import type { ApiKeyCopy } from '../stock/api-key-copy.js'

export interface KeyringLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface KeyringSettings {
  /** Ask for a key also while there never was one. */
  alwaysGuarded: boolean
  /** Between two looks at MySQL: what a change there takes to be known here. */
  intervalMs: number
}

/** Bounds that nobody has had a reason to tune. */
export function keyringSettings(alwaysGuarded: boolean): KeyringSettings {
  return { alwaysGuarded, intervalMs: 2000 }
}

/** What a call is compared with when no key of its name is held, so that it takes as long. */
const nobody = Buffer.alloc(32)

interface HeldKey extends ApiKey {
  hash: Buffer
}

/**
 * The API keys as this process knows them. It looks at MySQL on an interval and never because of a
 * call, so that a key that is unknown here costs MySQL nothing, whoever sends it and however often.
 *
 * While MySQL is away, what it said last counts; an expiry is judged at each call, by this process's
 * clock. A process that starts meanwhile takes the copy that Redis has; without one nobody can tell
 * whether keys are asked for, and calls wait (503) until MySQL has answered.
 */
export class Keyring {
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private held = new Map<string, HeldKey>()
  private guarded: boolean
  private known = false
  private failing = false
  private copied: string | undefined
  private readonly listeners: (() => void)[] = []

  private constructor(
    private readonly database: Database,
    private readonly copy: ApiKeyCopy,
    private readonly settings: KeyringSettings,
    private readonly log: KeyringLog,
  ) {
    this.guarded = settings.alwaysGuarded
  }

  /** Looks once, then keeps looking. Never rejects. */
  static async open(
    database: Database,
    copy: ApiKeyCopy,
    settings: KeyringSettings,
    log: KeyringLog,
  ): Promise<Keyring> {
    const keyring = new Keyring(database, copy, settings, log)
    await keyring.look()
    if (!keyring.known) await keyring.takeCopy()
    keyring.running = keyring.watch()
    return keyring
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
  }

  /** Whether a call needs a key; `unknown` until that could be read. */
  get state(): 'open' | 'guarded' | 'unknown' {
    if (!this.known) return 'unknown'
    return this.guarded ? 'guarded' : 'open'
  }

  /** Whether it is known that nobody has a key that is valid now. */
  get isEmpty(): boolean {
    return this.known && ![...this.held.values()].some(isCurrent)
  }

  /**
   * The valid key that a header `Authorization: Bearer KEY` carries. The key that its text names is
   * found by that name, which is no secret; its SHA-256 is compared in constant time.
   */
  find(authorization: string | undefined): ApiKey | undefined {
    const text = /^Bearer +(\S{1,256})$/i.exec(authorization ?? '')?.[1]
    const name = text === undefined ? undefined : nameInKey(text)
    if (text === undefined || name === undefined) return undefined
    const key = this.held.get(name)
    const isRight = timingSafeEqual(key?.hash ?? nobody, hashKey(text))
    return key && isRight && isCurrent(key) ? key : undefined
  }

  /** Calls back after each look, whether MySQL answered or not: a key may have been revoked, or run out. */
  afterLook(listener: () => void): void {
    this.listeners.push(listener)
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      await delay(this.settings.intervalMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      await this.look()
      for (const listener of this.listeners) listener()
    }
  }

  private async look(): Promise<void> {
    try {
      const found = await readKeys(this.database)
      this.take(found)
      if (this.failing) this.log.info({}, 'the API keys can be read again')
      this.failing = false
      await this.keepCopy(found)
    } catch (error) {
      if (this.failing || this.stopping.signal.aborted) return
      this.failing = true
      this.log.warn({ err: error }, 'the API keys cannot be read from MySQL; those known here stay valid')
    }
  }

  private take({ keys, anyEver }: KnownKeys): void {
    const held = new Map<string, HeldKey>()
    for (const { sha256, ...key } of keys) {
      const hash = Buffer.from(sha256, 'hex')
      // One of another length cannot be compared: such a key opens nothing, and fails no call.
      if (hash.length === nobody.length) held.set(key.name, { ...key, hash })
    }
    this.held = held
    // Whatever becomes of the table: a service that has asked for keys is not opened while it runs.
    this.guarded ||= anyEver
    this.known = true
  }

  /** A copy that cannot be written is missing at the next start without MySQL, and calls wait then. */
  private async keepCopy(found: KnownKeys): Promise<void> {
    const text = JSON.stringify(found)
    if (text === this.copied) return
    await this.copy.write(text).then(
      () => {
        this.copied = text
      },
      () => {},
    )
  }

  private async takeCopy(): Promise<void> {
    try {
      const text = await this.copy.read()
      if (text !== undefined) this.take(JSON.parse(text) as KnownKeys)
    } catch (error) {
      this.log.warn({ err: error }, 'the copy of the API keys in Redis cannot be read')
    }
  }
}

function isCurrent({ expiresAtMs }: ApiKey): boolean {
  return expiresAtMs === undefined || Date.now() < expiresAtMs
}
