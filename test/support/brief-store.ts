import type { Config } from '../../src/config.js'
import { afterEachFile } from './endings.js'
import { openTestStore, type TestStore } from './test-store.js'

/** A test store that can end before its file does, for files that open one for each test. */
export interface BriefStore extends TestStore {
  /** Stops the instances and workers on it. Idempotent. */
  close(): Promise<void>
}

const opened = new Set<BriefStore>()

// Not a hook of the store: one that a test or another hook registers never runs.
afterEachFile.push(async () => {
  for (const store of opened) await store.close()
  opened.clear()
})

/** @param overrides settings that differ from the defaults. */
export async function openBriefStore(overrides: Partial<Config> = {}): Promise<BriefStore> {
  const store = await openTestStore(overrides)
  const running: { stop(): Promise<void> }[] = []
  const keep = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const part = await starting
    running.push(part)
    return part
  }
  const brief: BriefStore = {
    ...store,
    api: (more) => keep(store.api(more)),
    worker: (more) => keep(store.worker(more)),
    close: async () => {
      for (const part of running.splice(0).reverse()) await part.stop()
    },
  }
  opened.add(brief)
  return brief
}
