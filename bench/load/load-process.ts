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

const sampleMs = 50

function send(spec: LoadSpec): Promise<LoadResult> {
  const accepted = new LatencyHistogram()
  const refused = new LatencyHistogram()
  const finished = new LatencyHistogram()
  const byStatus: Record<number, number> = {}
  const counts: CheckoutCounts = { confirmed: 0, released: 0 }
  let responses = 0
  let broken = 0
  const setupClient = (client: Client) => {
    // An event its types do not know.
    ;(client as EventEmitter).on(
      'headers',
      ({ statusCode, headers }: { statusCode: number; headers: string[] }) => {
        if (statusCode === 503 && !headers.some((text) => text.toLowerCase() === 'retry-after')) broken++
      },
    )
    if (spec.shape === 'reserve') patchRequests(client, spec)
  }
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const tracker = autocannon(
      {
        // It takes several; its types know of one.
        url: [...spec.urls] as unknown as string,
        connections: spec.connections,
        ...(spec.requests ? { amount: spec.requests } : { duration: spec.seconds ?? 1 }),
        // How soon it stops when its time is over.
        sampleInt: sampleMs,
        timeout: 30,
        setupClient,
        ...(spec.shape === 'checkout' && { requests: checkoutRequests(spec, counts) }),
      },
      (error) => {
        if (error) return reject(error)
        const seconds = (performance.now() - began) / 1000
        resolve({
          seconds,
          responses,
          accepted: accepted.read(),
          refused: refused.read(),
          finished: finished.read(),
          byStatus,
          broken,
          ...counts,
        })
      },
    )
    tracker.on('response', (_client, status, _bytes, ms) => {
      responses++
      byStatus[status] = (byStatus[status] ?? 0) + 1
      if (status < 300) {
        accepted.record(ms)
        // A hold is answered with 201, paying for it or cancelling it with 200 or 202.
        if (status !== 201) finished.record(ms)
      } else if (status === 409 || status === 503) refused.record(ms)
      else broken++
    })
    tracker.on('reqError', () => {
      broken++
    })
  })
}

/** autocannon asks a connection for its next request by this method, which has no public name. */
function patchRequests(client: Client, spec: LoadSpec): void {
  const { opts } = client as unknown as { opts: { host: string } }
  const requests = new ReserveRequests(opts.host, spec)
  Object.assign(client, { getRequestBuffer: () => requests.next() })
}
