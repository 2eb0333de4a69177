import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

export interface Service {
  image: string
  build?: string
  command: string[]
  environment: Record<string, string>
  init?: boolean
  restart: string
  stop_grace_period: string
  ports?: string[]
  volumes?: string[]
  healthcheck?: { test?: string[]; disable?: boolean }
  depends_on?: Record<string, { condition: string }>
}

export interface Compose {
  services: Record<string, Service>
  volumes: Record<string, null>
}

/**
 * Reads a compose file as `docker compose` does: merge keys, and variables in the forms `${NAME}`,
 * `${NAME:-default}` and `${NAME:?message}`; `$$` is a dollar sign.
 *
 * @throws Error with a variable's message when it is required and not given.
 */
export async function readCompose(
  file: string,
  variables: Readonly<Record<string, string>>,
): Promise<Compose> {
  const parsed: unknown = parse(await readFile(file, 'utf8'), { merge: true })
  return interpolate(parsed, variables) as Compose
}

function interpolate(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolateText(value, variables)
  if (Array.isArray(value)) return value.map((item) => interpolate(item, variables))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, interpolate(item, variables)]))
}

function interpolateText(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}|\$/g, (whole, name, operator, word) => {
    if (whole === '$$') return '$'
    if (name === undefined) throw new Error(`This variable is not known here: ${text}`)
    const given = variables[name]
    if (given) return given
    if (operator === '?') throw new Error(`${name}: ${word}`)
    return operator === '-' ? word : ''
  })
}
