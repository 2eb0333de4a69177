import { Redis } from 'ioredis'
import { LedgerWriter, type LedgerWriterSettings, type WriterLog } from '../../src/ledger/ledger-writer.js'
import { StoreLedger } from '../../src/ledger/store-ledger.js'
import { LedgerStream } from '../../src/stock/ledger-stream.js'
import type { TestStore } from '../support/test-store.js'

/** A ledger writer by itself, whose two sides can be replaced by ones that fail. */
export class WriterUnderTest {
  readonly writer: LedgerWriter
  private readonly connections: Redis[]

  constructor(
    store: TestStore,
    options: {
      settings?: Partial<LedgerWriterSettings>
      ledger?: typeof StoreLedger
      stream?: typeof LedgerStream
      log?: WriterLog
    } = {},
  ) {
    const { ledger = StoreLedger, stream = LedgerStream } = options
    this.connections = [new Redis(store.config.redisUrl), new Redis(store.config.redisUrl)]
    const [redis, waiting] = this.connections as [Redis, Redis]
    this.writer = new LedgerWriter(
      new ledger(store.database, store.name),
      new stream(redis, waiting, store.name),
      {
        linesMax: 1000,
        transactionMsMax: 20_000,
        lingerMs: 0,
        retryMs: 10,
        leaseMs: 1000,
        ...options.settings,
      },
      options.log ?? { info: () => {}, error: () => {} },
    )
    this.writer.start()
  }

  get problem(): string | undefined {
    return this.writer.problem
  }

  async stop(): Promise<void> {
    await this.writer.stop()
    for (const connection of this.connections) connection.disconnect()
  }
}
