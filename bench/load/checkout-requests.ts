import { randomUUID } from 'node:crypto'
import type { Request } from 'autocannon'
import type { LoadSpec } from './load-spec.js'
import { reserveBody } from './reserve-requests.js'

export interface CheckoutCounts {
  confirmed: number
  released: number
}

const json = { 'content-type': 'application/json' }

const releaseEveryDefault = 4

/** Hold one cart, then pay for it or cancel it; a refused hold is followed by the next one. */
export function checkoutRequests(spec: LoadSpec, counts: CheckoutCounts): Request[] {
  const releaseEvery = spec.releaseEvery ?? releaseEveryDefault
  let shoppers = 0
  return [
    {
      method: 'POST',
      path: '/v1/reservations',
      setupRequest: (request) => ({
        ...request,
        headers: { ...json, 'idempotency-key': randomUUID() },
        body: reserveBody(spec, [Math.floor(Math.random() * spec.skus)]),
      }),
      onResponse: (status, body, context) => {
        if (status === 201) Object.assign(context, { id: JSON.parse(body).id })
      },
    },
    {
      method: 'POST',
      setupRequest: (request, context) => {
        const { id } = context as { id?: string }
        // Without an answer the round begins anew.
        if (id === undefined) return undefined as unknown as Request
        const verb = releaseEvery > 0 && ++shoppers % releaseEvery === 0 ? 'release' : 'confirm'
        return { ...request, path: `/v1/reservations/${id}/${verb}`, headers: json, body: '{}' }
      },
      onResponse: (status, body) => {
        if (status >= 300) return
        if (JSON.parse(body).state === 'confirmed') counts.confirmed++
        else counts.released++
      },
    },
  ]
}
