import { setTimeout as delay } from 'node:timers/promises'
import type { TcpProxy } from '../../support/tcp-proxy.js'
import type { ProductPart } from '../stage/product-part.js'
import { anyOf, type Fault, type FaultKind, inTurn } from './fault-kind.js'
import { findUnserved } from './unserved-calls.js'

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

/** The writer may be starting, or idle for a while: the next entry takes it to the point. */
const waitMsMax = 15_000

/** Where, and of how many workers: with a second one the lease changes hands. */
const turns = [1, 2].flatMap((workers) => points.map((point) => ({ point, workers })))
const wayOf = (point: Point, workers: number) => `${point.name}, ${workers === 1 ? 'alone' : 'one of two'}`

/** The worker killed at the points of its course where a ledger writer could lose or double something. */
export const workerPoints: FaultKind = {
  number: 2,
  name: 'worker-points',
  about: 'the worker killed before its commit, after it, and before the trim; no call is put off for it',
  ways: turns.map(({ point, workers }) => wayOf(point, workers)),
  draw: (random, { turn }) => {
    const { point, workers } = inTurn(turns, turn)
    const first = killAt(300 + random.whole(0, 400), point, workers)
    const second = killAt(2100 + random.whole(0, 400), anyOf(random, points), workers)
    return { settings: { workers }, faults: [first, second] }
  },
  judge: ({ history }) => findUnserved(history.events, 'without a worker all calls'),
}

function killAt(atMs: number, point: Point, workers: number): Fault {
  return {
    atMs,
    what: `kill -9 the worker at work ${point.name}; start it again`,
    way: wayOf(point, workers),
    inflict: async ({ stage, observe }) => {
      const timer = new AbortController()
      const nobody = delay(waitMsMax, undefined, { signal: timer.signal })
      const killed = await Promise.race([...stage.workers.map((worker) => killedAt(worker, point)), nobody])
      timer.abort()
      for (const worker of stage.workers) point.cable(worker).tap = undefined
      observe(killed ? `killed ${point.name}` : `never came to ${point.name}`)
      await killed?.kill()
      killed?.restart()
      return killed !== undefined
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
