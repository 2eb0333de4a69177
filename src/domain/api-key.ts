import { hash, randomBytes } from 'node:crypto'

/**
 * What a key lets its owner do. A route names those of which one is enough; `admin` is enough for
 * every route, and `console` for all that the page for operators calls.
 */
export const scopes = [
  'reservations:read',
  'reservations:write',
  'stock:read',
  'stock:write',
  'console',
  'admin',
] as const
export type Scope = (typeof scopes)[number]

/** A key as the service knows it: not the text that its owner sends, but what that text may do. */
export interface ApiKey {
  name: string
  /** The only store it is for; undefined: all of them. */
  store: string | undefined
  scopes: readonly Scope[]
  expiresAtMs: number | undefined
}

export function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text)
}

/**
 * A new key's text, `hf_NAME_SECRET` with 32 random bytes in hex. The name in it lets a process find
 * what to compare the text with, and a person which key to revoke when it was seen where it should not.
 */
export function newKeyText(name: string): string {
  return `hf_${name}_${randomBytes(32).toString('hex')}`
}

const keyPattern = /^hf_([A-Za-z0-9._-]{1,64})_[0-9a-f]{64}$/

/** The name that a text claims to be the key of; undefined when it cannot be a key. */
export function nameInKey(text: string): string | undefined {
  return keyPattern.exec(text)?.[1]
}

/** The SHA-256 of a key's text. It needs no salt and no slowness: nobody guesses 32 random bytes. */
export function hashKey(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
