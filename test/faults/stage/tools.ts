import { runCommand } from '../../../src/embedded/command-run.js'
import { findProgram, thisMachine } from '../../../src/embedded/machine.js'

const installTimeoutMs = 180_000
const installations = new Map<string, Promise<string | undefined>>()

/**
 * A program that a fault needs, installed with the system's package manager if it is missing and that
 * is allowed.
 *
 * @param isThere looks for it. @returns what that found; undefined when it cannot be had.
 */
export async function provideTool<T>(
  aptPackage: string,
  isThere: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const found = await isThere()
  if (found !== undefined) return found
  const installing = installations.get(aptPackage) ?? install(aptPackage)
  installations.set(aptPackage, installing)
  await installing
  return isThere()
}

async function install(aptPackage: string): Promise<string | undefined> {
  const machine = thisMachine()
  const apt = await findProgram(machine, ['apt-get'])
  if (!apt) return undefined
  const sudo = machine.userId === 0 ? undefined : await findProgram(machine, ['sudo'])
  if (machine.userId !== 0 && !sudo) return undefined
  const asRoot = sudo ? [sudo, '-n'] : []
  const aptGet = (...args: string[]) =>
    runCommand([...asRoot, apt, '-q', '-o', 'DPkg::Lock::Timeout=60', ...args] as [string, ...string[]], {
      timeoutMs: installTimeoutMs,
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    })
  const arguments_ = ['install', '-y', '--no-install-recommends', '--no-remove', aptPackage]
  let result = await aptGet(...arguments_)
  if (result.status !== 0 && (await aptGet('update')).status === 0) result = await aptGet(...arguments_)
  return result.output
}
