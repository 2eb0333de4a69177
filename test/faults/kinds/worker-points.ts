import { setTimeout as delay } from 'node:timers/promises'
import type { TcpProxy } from '../../support/tcp-proxy.js'
import type { ProductPart } from '../stage/product-part.js'
import type { Fault, FaultKind } from './fault-kind.js'

/** A point in the ledger writer's course, told by what goes over its cables. */
interface Point {
  name: string
  cable(worker: ProductPart): TcpProxy
  /** The worker is killed with these bytes still on their way. */
  isReached(): (bytes: Buffer, from: 'client' | 'server') => boolean
}

const points: readonly Point[] = [
  {
    name: 'before its commit',
    cable: (worker) => worker.databaseCable,
    isReached: () => (bytes, from) => from === 'client' && bytes.includes('COMMIT'),
  },
  {
    name: 'after its commit, before it knows of it',
    cable: (worker) => worker.databaseCable,
    isReached: () => {
      let committed = false
      return (bytes, from) => {
        if (from === 'server') return committed
        if (bytes.includes('COMMIT')) committed = true
        return false
      }
    },
  },
  {
    name: 'after its commit, before it tells the others and trims',
    cable: (worker) => worker.redisCable,
    isReached: () => (bytes, from) => from === 'client' && bytes.includes('xtrim'),
  },
]

/** The writer may be idle for a while: the next entry takes it to the point. */
const waitMsMax = 5000

/** The worker killed at the points of its course where a ledger writer could lose or double something. */
export const workerPoints: FaultKind = {
  number: 2,
  name: 'worker-points',
  about: 'the worker killed before its commit, after it, and before the trim',
  draw: (random) => {
    const faults: Fault[] = []
    let atMs = 300
    for (let i = 0; i < 2; i++) {
      faults.push(killAt(atMs + random.whole(0, 400), points[random.whole(0, points.length - 1)] as Point))
      atMs += 1800
    }
    return { settings: { workers: random.whole(1, 2) }, faults }
  },
}

function killAt(atMs: number, point: Point): Fault {
  return {
    atMs,
    what: `kill -9 the worker at work ${point.name}; start it again`,
    inflict: async ({ stage, observe }) => {
      const timer = new AbortController()
      const nobody = delay(waitMsMax, undefined, { signal: timer.signal })
      const killed = await Promise.race([...stage.workers.map((worker) => killedAt(worker, point)), nobody])
      timer.abort()
      for (const worker of stage.workers) point.cable(worker).tap = undefined
      observe(killed ? `killed ${point.name}` : `never came to ${point.name}`)
      await killed?.kill()
      killed?.restart()
    },
  }
}

/** Resolves with the worker when it was killed at the point. */
function killedAt(worker: ProductPart, point: Point): Promise<ProductPart> {
  const isReached = point.isReached()
  return new Promise((resolve) => {
    point.cable(worker).tap = (bytes, from) => {
      if (!isReached(bytes, from)) return 'pass'
      worker.signal('SIGKILL')
      resolve(worker)
      return 'lose'
    }
  })
}
