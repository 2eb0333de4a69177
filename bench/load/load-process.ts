import type { EventEmitter } from 'node:events'
import autocannon, { type Client } from 'autocannon'
import { LatencyHistogram } from '../latency-histogram.js'
import { type CheckoutCounts, checkoutRequests } from './checkout-requests.js'
import type { LoadResult, LoadSpec } from './load-spec.js'
import { ReserveRequests } from './reserve-requests.js'

/*
 * The load generator, in a process of its own so that it shares no event loop with what it measures.
 * It takes a spec over IPC, answers with the result, and stays, warm, for the next one.
 */
process.on('message', (spec: LoadSpec) => {
  send(spec).then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))

/** How soon autocannon notices that all of its connections are done. */
const sampleMs = 50
const timeoutSeconds = 30
/** While the connections are made; in no rate, because a short load would have a larger share of it. */
const rampMs = 100

/** What is read and set of a connection beyond its types: requests sent, and the bound on them. */
interface Connection extends Client {
  reqsMade: number
  responseMax?: number
}

function send(spec: LoadSpec): Promise<LoadResult> {
  const accepted = new LatencyHistogram()
  const finished = new LatencyHistogram()
  const refused = new LatencyHistogram()
  const byStatus: Record<number, number> = {}
  const counts: CheckoutCounts = { confirmed: 0, released: 0 }
  const inTime = { accepted: 0, refused: 0 }
  const connections: Connection[] = []
  let responses = 0
  let unexpected = 0
  let lastAt = 0
  let endedAt: number | undefined
  const setupClient = (client: Client) => {
    connections.push(client as Connection)
    // An event its types do not know.
    ;(client as EventEmitter).on(
      'headers',
      ({ statusCode, headers }: { statusCode: number; headers: string[] }) => {
        if (statusCode === 503 && !headers.some((text) => text.toLowerCase() === 'retry-after')) unexpected++
      },
    )
    if (spec.shape === 'reserve') patchRequests(client, spec)
  }
  const requestsMade = () => connections.reduce((sum, { reqsMade }) => sum + reqsMade, 0)
  // No connection asks again; each ends with the answer that is under way.
  const stopAsking = () => {
    endedAt = performance.now()
    for (const connection of connections) connection.responseMax = connection.reqsMade
  }
  return new Promise((resolve, reject) => {
    const tracker = autocannon(
      {
        // It takes several; its types know of one.
        url: [...spec.urls] as unknown as string,
        connections: spec.connections,
        ...(spec.requests
          ? { amount: spec.requests }
          : // Its own end drops what is under way, so it must not come before ours.
            { duration: (spec.seconds ?? 1) + 2 * timeoutSeconds }),
        sampleInt: sampleMs,
        timeout: timeoutSeconds,
        setupClient,
        ...(spec.shape === 'checkout' && { requests: checkoutRequests(spec, counts) }),
      },
      (error) => {
        if (error) return reject(error)
        const seconds = ((endedAt ?? lastAt) - countedFrom) / 1000
        resolve({
          seconds,
          acceptedPerSecond: inTime.accepted / seconds,
          refusedPerSecond: inTime.refused / seconds,
          accepted: accepted.read(),
          finished: finished.read(),
          refused: refused.read(),
          byStatus,
          // Each request has its answer by now, or never had one.
          broken: unexpected + requestsMade() - responses,
          ...counts,
        })
      },
    )
    // Its connections are made, and the first bytes go out when this turn ends.
    const began = performance.now()
    const countedFrom = spec.requests ? began : began + rampMs
    if (!spec.requests) setTimeout(stopAsking, rampMs + (spec.seconds ?? 1) * 1000)
    tracker.on('response', (client, status, _bytes, sinceMade) => {
      lastAt = performance.now()
      // A connection makes its first request with itself, before it can send it.
      const ms = (client as Connection).reqsMade === 1 ? lastAt - began : sinceMade
      responses++
      byStatus[status] = (byStatus[status] ?? 0) + 1
      const isInTime = lastAt >= countedFrom && endedAt === undefined
      if (status === 409) {
        refused.record(ms)
        if (isInTime) inTime.refused++
      } else if (status === 200 || status === 201 || status === 202) {
        ;(status === 201 ? accepted : finished).record(ms)
        // 202 is a payment that MySQL does not hold yet: not what was waited for.
        if (isInTime && status !== 202) inTime.accepted++
      } else if (status !== 503) unexpected++
    })
  })
}

/** autocannon asks a connection for its next request by this method, which has no public name. */
function patchRequests(client: Client, spec: LoadSpec): void {
  const { opts } = client as unknown as { opts: { host: string } }
  const requests = new ReserveRequests(opts.host, spec)
  Object.assign(client, { getRequestBuffer: () => requests.next() })
}
