import { type ParseArgsConfig, parseArgs } from 'node:util'
import { ConfigError } from '../config.js'

/**
 * Reads the arguments of a command. An option that is given twice is refused: of two stores, say, only
 * one would be restored.
 *
 * @throws ConfigError with the usage and what is wrong.
 */
export function readCommandLine<T extends Pick<ParseArgsConfig, 'options' | 'allowPositionals'>>(
  args: readonly string[],
  takes: T,
  usage: string,
) {
  try {
    const read = parseArgs({ ...takes, args: [...args], strict: true, tokens: true })
    const given = (read.tokens ?? []).flatMap((token) => (token.kind === 'option' ? [token.rawName] : []))
    const repeated = given.find((name, i) => given.indexOf(name) < i)
    if (repeated) throw new Error(`${repeated} is given twice`)
    return read
  } catch (error) {
    throw new ConfigError(`${usage}\n${(error as Error).message}`)
  }
}
