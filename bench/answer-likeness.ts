import { reserveBody } from './load/reserve-requests.js'

export const likenessPrefix = 'like'

/**
 * Compares an answer of `bare` with one of the product, which needs a unit of `likenessPrefix`: the
 * same status, headers and fields. A hook that only one of them runs would make their comparison
 * unfair.
 *
 * @throws Error that names the difference.
 */
export async function requireLikeAnswers(productUrl: string, bareUrl: string): Promise<void> {
  const [ours, bare] = await Promise.all([describe(productUrl), describe(bareUrl)])
  if (ours !== bare) throw new Error(`bare does not answer as the product does:\n  ${ours}\n  ${bare}`)
}

async function describe(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/reservations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'likeness' },
    body: reserveBody({ skuPrefix: likenessPrefix, ttlSeconds: 900 }, [0]),
  })
  const body = Object.keys((await response.json()) as object).sort()
  const headers = [...response.headers.keys()].sort()
  return `${response.status}; headers ${headers.join(' ')}; fields ${body.join(' ')}`
}
