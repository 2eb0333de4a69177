import type { Problem } from './contract.js'
import { apiKey, keyRefusal, storeName, storeRefusal } from './session.js'

export type Answer<T> =
  | { ok: true; status: number; body: T; headers: Headers }
  | { ok: false; problem: Problem }

export interface CallOptions {
  body?: unknown
  idempotencyKey?: string
  signal?: AbortSignal
  /** 0: as long as it takes. */
  timeoutMs?: number
  /** In place of the session's. */
  key?: string
}

const timeoutMsDefault = 15_000

/**
 * Calls the API. What it refuses is a returned problem, in its own words; so is an answer that never
 * came.
 *
 * @throws the reason of `signal` once it was aborted.
 */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
  const { body, idempotencyKey, signal, timeoutMs = timeoutMsDefault, key } = options
  const timeouts = [signal, timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : undefined]
  try {
    const response = await fetch(path, {
      method,
      headers: {
        ...callHeaders(key),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      cache: 'no-store',
      signal: AbortSignal.any(timeouts.filter((each) => each !== undefined)),
    })
    if (response.ok) {
      return {
        ok: true,
        status: response.status,
        body: (await response.json()) as T,
        headers: response.headers,
      }
    }
    return { ok: false, problem: await readProblem(response) }
  } catch {
    signal?.throwIfAborted()
    return { ok: false, problem: noAnswer }
  }
}

/** The headers that say who calls, and which store is meant. */
export function callHeaders(key = apiKey.value): Record<string, string> {
  return {
    ...(key !== '' && { authorization: `Bearer ${key}` }),
    ...(storeName.value !== undefined && { 'holdfast-store': storeName.value }),
  }
}

const noAnswer: Problem = {
  type: 'about:blank',
  title: 'The service did not answer.',
  status: 0,
  detail: 'It may be restarting, or the network is interrupted.',
}

/** A refusal in the service's words; asks for a key when one is missing. */
export async function readProblem(response: Response): Promise<Problem> {
  const problem = await response
    .json()
    .then((body) => body as Problem)
    .catch(() => ({
      type: 'about:blank',
      title: `The service answered ${response.status}.`,
      status: response.status,
      detail: 'What stands between this page and the service answered in its place.',
    }))
  // Of what the page calls, a key for the console may call all.
  if (response.status === 401 || problem.type === 'urn:holdfast:forbidden') keyRefusal.value = problem
  if (problem.type === 'urn:holdfast:unknown-store') storeRefusal.value = problem
  return problem
}

/** Whether a refusal is a definite no: nothing was changed. Otherwise the effect is unknown. */
export function isDefinite(problem: Problem): boolean {
  return problem.status >= 400 && problem.status < 500
}

/** A problem as one sentence for people: its detail, and its title where that says more. */
export function describe({ title, detail }: Problem): string {
  return detail === '' || detail === title ? title : `${title} ${detail}`
}
