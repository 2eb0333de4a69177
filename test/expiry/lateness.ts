import type { StoreState } from '../support/invariants.js'

/** How long after their deadlines reservations were given back, in ms, by the ledger; sorted. */
export function latenesses({ mysql }: StoreState): number[] {
  return mysql.ledger
    .filter(({ kind }) => kind === 'expire')
    .map(({ reservationId = '', occurredAtMs }) => {
      return occurredAtMs - (mysql.reservations.get(reservationId)?.expiresAtMs ?? Number.NaN)
    })
    .sort((a, b) => a - b)
}

/** @param share 0.99 for the 99th percentile. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
