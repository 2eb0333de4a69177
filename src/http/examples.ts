import type { TSchema } from 'typebox'
import type { Refusal, RefusalCode } from '../domain/outcomes.js'
import { describeProblem, describeRefusal, type ProblemDetails } from './problem.js'

/** What a refusal tells beside its code, or the detail and the fields that its call gives it. */
type ExampleOf<Code extends RefusalCode> =
  | Omit<Extract<Refusal, { refused: Code }>, 'refused' | 'position'>
  | { detail: string; [field: string]: unknown }

/**
 * One example of each refusal of the catalogue. The documents show them, made into problems by what
 * makes the answers; a code without one does not compile.
 */
const examples: { readonly [Code in RefusalCode]: ExampleOf<Code> } = {
  'invalid-request': { detail: 'body/lines must NOT have fewer than 1 items.' },
  unauthorized: { detail: 'Send Authorization: Bearer KEY.' },
  forbidden: {
    detail: 'It needs one of the scopes stock:write, console, admin.',
    scopes: ['stock:write', 'console', 'admin'],
  },
  'forbidden-host': {
    detail: 'Create an API key with "holdfast keys create", or call the service as localhost.',
  },
  'not-found': { detail: 'There is no GET /v1/orders.' },
  'unknown-store': { detail: 'The store of the call is not served here.' },
  'unknown-sku': { skus: ['SNEAKER-43'] },
  'unknown-reservation': {},
  'unknown-reconciliation': {},
  'unknown-replay': {},
  'replay-unavailable': {},
  'request-timeout': {},
  'insufficient-stock': { lines: [{ sku: 'SNEAKER-42', requested: 2, available: 1 }] },
  'reconciliation-running': {},
  'replay-running': {},
  'below-held': { held: 12 },
  'reservation-confirmed': {},
  'reservation-released': {},
  'reservation-expired': {},
  'payment-mismatch': {},
  'extension-limit': { expiresAtMsMax: Date.UTC(2026, 11, 13, 12, 0, 0) },
  'body-too-large': {},
  'unsupported-media-type': {},
  'idempotency-key-reused': {},
  'rate-limited': { detail: 'This API key may make 600 calls in a minute.' },
  'headers-too-large': {},
  'internal-error': {
    detail: 'Repeat the call with the same key. Request 5f0c7a3e-5d1f-4b0e-9a57-0d5c2f1c8a11.',
  },
  'store-fenced': { detail: 'Redis and MySQL are being compared.' },
  'redis-unavailable': {},
  'mysql-unavailable': {},
  'ledger-behind': {},
  'memory-full': {},
  'holds-paused': {
    reason: 'Redis uses 91.2 % of its maxmemory, and reservations are taken again below 85 %',
  },
  'too-many-streams': {},
  stopping: { detail: 'Repeat the call.' },
  overloaded: {},
}

/** The problem a client is sent for a refusal, by example. */
export function exampleProblem(code: RefusalCode): ProblemDetails {
  const example = examples[code]
  if (!('detail' in example)) return describeRefusal({ refused: code, ...example } as Refusal)
  const { detail = '', ...fields } = example
  return describeProblem(code, detail, fields)
}

interface JsonSchema {
  type?: string
  examples?: readonly unknown[]
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly JsonSchema[]
  items?: JsonSchema
  properties?: Readonly<Record<string, JsonSchema>>
}

/**
 * A value of a schema, made of the examples of its parts. Optional parts without an example are left
 * out.
 */
export function exampleOf(schema: TSchema | JsonSchema): unknown {
  const { type, examples, const: only, enum: choices, anyOf, items, properties } = schema as JsonSchema
  if (examples) return examples[0]
  if (only !== undefined) return only
  if (choices) return choices[0]
  if (anyOf?.[0]) return exampleOf(anyOf[0])
  if (type === 'array' && items) return [exampleOf(items)]
  if (type !== 'object') return undefined
  const fields = Object.entries(properties ?? {}).map(([name, part]) => [name, exampleOf(part)])
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined))
}
