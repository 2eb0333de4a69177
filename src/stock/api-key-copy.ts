import type { Redis } from 'ioredis'
import { storeKeys } from './keys.js'

/**
 * A copy in Redis of what MySQL said last of the API keys, for a process that starts while MySQL is
 * away. It is kept beside each store, so that any process that serves one of them finds it.
 */
export class ApiKeyCopy {
  private readonly names: string[]

  constructor(
    private readonly redis: Redis,
    stores: readonly string[],
  ) {
    this.names = stores.map((store) => storeKeys(store).apiKeys)
  }

  /** @returns undefined when there is none. */
  async read(): Promise<string | undefined> {
    for (const name of this.names) {
      const text = await this.redis.get(name)
      if (text !== null) return text
    }
    return undefined
  }

  async write(text: string): Promise<void> {
    for (const name of this.names) await this.redis.set(name, text)
  }
}
