import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { test as base, expect, inject } from 'vitest'
import { readRunId } from '../../src/stock/connection.js'
import { type StoreKeys, storeKeys } from '../../src/stock/keys.js'
import { loadScript, runScript, type ScriptName, scriptKeys } from '../../src/stock/scripts.js'
import { makeOverdue, redisNowMs } from './overdue.js'
import { dumpStore } from './store-dump.js'

/** A store that only its scripts touch, called with raw arguments. */
export class ScriptStore {
  readonly name = `test-${randomBytes(6).toString('hex')}`
  readonly keys: StoreKeys = storeKeys(this.name)

  constructor(
    readonly redis: Redis,
    /** The run id of the server, which every script is given first. */
    readonly server: string,
  ) {}

  /**
   * Runs a script with the server's run id and these arguments.
   *
   * @returns its replies, those of a customer's or an administrator's call without the position each is
   *   true at (`test/http/positions.test.ts` holds those).
   */
  async run(script: ScriptName, ...args: (string | number)[]): Promise<string[]> {
    const replies = await this.runAs(this.server, script, ...args)
    return replies.map((reply) => String(reply).replace(/^([a-z-]+)\t\d+-\d+(?=\t|$)/, '$1'))
  }

  /** Compares the server with MySQL, whose last opened owner is the one before, if not said otherwise. */
  verify(
    epoch: number,
    sequence: number,
    generation: number,
    then: 'look' | 'prepare' | 'open',
    lastOpened: { generation: number; server: string } = {
      generation: Math.max(generation - 1, 0),
      server: '',
    },
  ): Promise<string[]> {
    const last = [lastOpened.generation, lastOpened.server]
    return this.runAs(this.server, 'verify', epoch, sequence, generation, then, ...last)
  }

  /** Reserves each `id, key, request`. @returns the replies without the header of the batch. */
  async reserve(...args: string[]): Promise<string[]> {
    const [header = '', ...replies] = await this.run('reserve', ...args)
    expect(header).toMatch(/^\d+\t\d+\t\d+$/)
    return replies
  }

  runAs(server: string, script: ScriptName, ...args: (string | number)[]): Promise<string[]> {
    const keys = scriptKeys[script].map((key) =>
      // The key of an adjustment is named by its idempotency key, the fifth of its ARGV.
      key === 'adjustment' ? this.keys.adjustment(String(args[3] ?? '')) : this.keys[key],
    )
    return runScript(this.redis, loadScript(script), keys, [server, ...args])
  }

  async setStock(counts: Readonly<Record<string, number>>): Promise<void> {
    for (const [sku, onHand] of Object.entries(counts)) await this.run('set', sku, onHand)
  }

  /** Reserves one cart and fails the test when it is refused. @returns its record. */
  async hold(
    id: string,
    lines: string,
    options: { key?: string; ttlSeconds?: number } = {},
  ): Promise<string> {
    const { key = '', ttlSeconds = 900 } = options
    const [reply = ''] = await this.reserve(id, key, request(lines, ttlSeconds))
    expect(reply).toBe('reserved')
    return (await this.redis.hget(this.keys.reservations, id)) ?? ''
  }

  adjust(sku: string, quantity: string | number, options: { reason?: string; key?: string } = {}) {
    return this.run('adjust', sku, quantity, options.reason ?? '', options.key ?? '', 60, 1e12)
  }

  makeOverdue(id: string, byMs = 0): Promise<void> {
    return makeOverdue(this.redis, this.keys, id, byMs)
  }

  nowMs(): Promise<number> {
    return redisNowMs(this.redis)
  }

  /** `available held sold`, or null. */
  counts(sku: string): Promise<string | null> {
    return this.redis.hget(this.keys.stock, sku)
  }

  async record(id: string): Promise<string[]> {
    return ((await this.redis.hget(this.keys.reservations, id)) ?? '').split('\t')
  }

  /** The ledger's entries, `kind id lines` each with single spaces, and asserts that they are dense. */
  async ledger(): Promise<string[]> {
    const entries: string[] = []
    for (const [id, fields] of await this.redis.xrange(this.keys.ledger, '-', '+')) {
      for (let i = 2; i < fields.length; i += 2) {
        expect(fields[i]).toBe('entry')
        const [kind, subject, lines] = (fields[i + 1] as string).split('\t')
        entries.push([kind, subject, lines].filter((part) => part !== '').join(' '))
      }
      expect(id).toBe(`1-${entries.length}`)
    }
    const sequence = await this.redis.hget(this.keys.position, 'sequence')
    expect(sequence).toBe(String(entries.length))
    return entries
  }

  /** The ledger's entries as they are. */
  async texts(): Promise<string[]> {
    const records = await this.redis.xrange(this.keys.ledger, '-', '+')
    return records.flatMap(([, fields]) => fields.filter((_, i) => i > 2 && i % 2 === 1))
  }

  dump(): Promise<Record<string, unknown>> {
    return dumpStore(this.redis, this.name)
  }

  async remove(): Promise<void> {
    for await (const keys of this.redis.scanStream({ match: `holdfast:{${this.name}}:*`, count: 1000 })) {
      if (keys.length > 0) await this.redis.unlink(...(keys as string[]))
    }
  }
}

/** The request of a reservation as the gate sends it. */
export function request(
  lines: string,
  ttlSeconds: number | string = 900,
  customer = 'customer-1',
  order = '',
) {
  return [ttlSeconds, lines, customer, order].join('\t')
}

/** Opens a store on a server, with its fence lifted. */
export async function openScriptStore(redis: Redis): Promise<ScriptStore> {
  const store = new ScriptStore(redis, await readRunId(redis))
  expect(await store.verify(0, 0, 0, 'open')).toEqual(['verified'])
  return store
}

/** A test with a store of its own on the run's Redis. */
export const scriptTest = base.extend<{ store: ScriptStore }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures wanted from this pattern.
  store: async ({}, use) => {
    const redis = new Redis(inject('redisUrl'))
    const store = await openScriptStore(redis)
    await use(store)
    await store.remove()
    redis.disconnect()
  },
})
