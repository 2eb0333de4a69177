import { Redis } from 'ioredis'
import { storeKeys } from '#product/stock/keys.js'

const { deadlines, position, watermark } = storeKeys('main')

/** What is looked up in Redis, behind the service's back: asking the service would cost its CPU. */
export class RedisFacts {
  private readonly redis: Redis

  constructor(url: string) {
    this.redis = new Redis(url)
  }

  async usedBytes(): Promise<number> {
    const info = await this.redis.info('memory')
    return Number(/^used_memory:(\d+)/m.exec(info)?.[1])
  }

  openHolds(): Promise<number> {
    return this.redis.zcard(deadlines)
  }

  /** How many ledger entries MySQL lacks, by what its writer has told. */
  async entriesBehind(): Promise<number> {
    const [newest, told] = await Promise.all([
      this.redis.hget(position, 'sequence'),
      this.redis.get(watermark),
    ])
    const persisted = /^\w+ \d+-(\d+)/.exec(told ?? '')?.[1] ?? 0
    return Number(newest) - Number(persisted)
  }

  /** How many holds have a deadline up to then, and the first deadline of all in ms. */
  async due(untilMs: number): Promise<{ count: number; firstMs: number | undefined }> {
    const [count, first] = await Promise.all([
      this.redis.zcount(deadlines, '-inf', untilMs),
      this.redis.zrange(deadlines, 0, '0', 'WITHSCORES') as Promise<string[]>,
    ])
    return { count, firstMs: first[1] === undefined ? undefined : Number(first[1]) }
  }

  close(): void {
    this.redis.disconnect()
  }
}
