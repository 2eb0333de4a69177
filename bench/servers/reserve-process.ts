import { Child } from './child.js'
import type { Cleanup } from './cleanup.js'
import { compiled, type Target } from './target.js'

/** A limit or a peer behind the reserve route, in a process of its own. */
export interface ReserveProcess extends Target {
  stop(): Promise<void>
}

/** @param module `bare`, `bare-script`, or the path of a peer's module. */
export async function startReserveProcess(o: {
  name: string
  module: string
  env: Record<string, string>
  folder: string
  cleanup: Cleanup
}): Promise<ReserveProcess> {
  const child = Child.start({
    name: o.name,
    args: [compiled('servers/reserve-server.js'), o.module],
    env: o.env,
    folder: o.folder,
  })
  o.cleanup.add(() => child.stop())
  const url = (await child.message()) as string
  return { urls: [url], pids: { api: [child.pid] }, stop: () => child.stop() }
}
