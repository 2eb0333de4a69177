import { setTimeout as delay } from 'node:timers/promises'
import { type CommandResult, lastLines, runCommand } from './command-run.js'
import { findProgram, type Machine } from './machine.js'
import { findPrograms, type Programs } from './programs.js'
import { type Progress, StartupError } from './startup-error.js'

export type Part = keyof Programs

/** Together well under the two minutes a first start may take; reached only on a very slow network. */
const installTimeoutMs = 240_000
/** How long to wait for another package manager's lock. */
const lockTimeoutMs = 120_000
const lockPauseMs = 1_000

/** Programs by these names will do, and these packages hold them. */
const needs: Record<Part, { programs: string; apt: string; brew: string }> = {
  redis: { programs: 'redis-server or valkey-server', apt: 'redis-server', brew: 'redis' },
  mariadb: { programs: 'mariadbd or mysqld', apt: 'mariadb-server', brew: 'mariadb' },
}

/**
 * The programs for the parts asked for, installed with the system's package manager where they are
 * missing and it may be used. Throws a StartupError that says what to install otherwise.
 */
export async function providePrograms<P extends Part>(
  parts: readonly P[],
  machine: Machine,
  progress: Progress,
): Promise<Programs & { [K in P]: NonNullable<Programs[K]> }> {
  let programs = await findPrograms(machine)
  const missing = parts.filter((part) => programs[part] === undefined)
  if (missing.length > 0) {
    await install(missing, machine, progress)
    programs = await findPrograms(machine)
  }
  const stillMissing = parts.filter((part) => programs[part] === undefined)
  if (stillMissing.length > 0) throw new StartupError(whatToInstall(stillMissing, 'cannot find'))
  return programs as Programs & { [K in P]: NonNullable<Programs[K]> }
}

async function install(missing: readonly Part[], machine: Machine, progress: Progress): Promise<void> {
  const apt = await findProgram(machine, ['apt-get'])
  if (apt !== undefined) {
    const asRoot = await rootPrefix(machine)
    if (asRoot !== undefined) return installWithApt({ apt, asRoot, missing, machine, progress })
  }
  const brew = await findProgram(machine, ['brew'])
  // Homebrew refuses to run as root.
  if (brew !== undefined && machine.userId !== 0) return installWithBrew(brew, missing, progress)
  throw new StartupError(whatToInstall(missing, 'needs, and may not install,'))
}

/** What to put before a command so that it runs as root; undefined when it may not. */
async function rootPrefix(machine: Machine): Promise<string[] | undefined> {
  if (machine.userId === 0) return []
  const sudo = await findProgram(machine, ['sudo'])
  if (sudo === undefined) return undefined
  const allowed = await runCommand([sudo, '-n', 'true'], { timeoutMs: 10_000 })
  return allowed.status === 0 ? [sudo, '-n'] : undefined
}

interface AptRun {
  apt: string
  asRoot: readonly string[]
  missing: readonly Part[]
  machine: Machine
  progress: Progress
}

async function installWithApt(run: AptRun): Promise<void> {
  const wanted = async () =>
    (await Promise.all(run.missing.map((part) => aptPackages(part, run.machine)))).flat()
  let packages = await wanted()
  run.progress(`installing ${packages.join(', ')} with apt ...`)
  let result = await aptGet(run, installArguments(packages))
  if (result.status !== 0 && listsAreOld(result.output)) {
    run.progress('updating the package lists with apt ...')
    const update = await aptGet(run, ['update'])
    packages = await wanted()
    result = update.status === 0 ? await aptGet(run, installArguments(packages)) : update
  }
  if (result.status === 0) return
  throw new StartupError(
    `Installing ${packages.join(', ')} with apt failed, so please install ${programNames(run.missing)} by hand: ${lastLines(result.output)}`,
  )
}

/**
 * The packages that hold the programs and no system service. Some releases of Ubuntu and Debian
 * carry the version in MariaDB's package names.
 */
async function aptPackages(part: Part, machine: Machine): Promise<string[]> {
  if (part === 'redis') return ['redis-tools']
  const aptCache = await findProgram(machine, ['apt-cache'])
  const plain = 'mariadb-server-core'
  const names = aptCache
    ? (await runCommand([aptCache, 'pkgnames', plain], { timeoutMs: 20_000 })).output.split('\n')
    : []
  const known = names.filter((name) => /^mariadb-server-core(-[\d.]+)?$/.test(name))
  const server = known.includes(plain) ? plain : (known.sort(byVersion).at(-1) ?? plain)
  return [server, server.replace('server', 'client')]
}

/** --no-remove: a package that would replace another database server of this machine is refused. */
function installArguments(packages: readonly string[]): string[] {
  return ['install', '-y', '--no-install-recommends', '--no-remove', ...packages]
}

/** Runs apt-get quietly and without questions; waits while another package manager has the lock. */
async function aptGet(run: AptRun, args: readonly string[]): Promise<CommandResult> {
  const options = [
    'DPkg::Lock::Timeout=120',
    'Dpkg::Use-Pty=0',
    'Dpkg::Options::=--force-confold',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
  ].flatMap((option) => ['-o', option])
  // needrestart would restart services of this machine that use a library just installed.
  const env = ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_SUSPEND=1', 'LC_ALL=C']
  const line = [...run.asRoot, 'env', ...env, run.apt, '-q', ...options, ...args] as [string, ...string[]]
  const deadline = Date.now() + lockTimeoutMs
  for (;;) {
    const result = await runCommand(line, { timeoutMs: installTimeoutMs })
    // The option above waits for dpkg's lock; the one on the package lists only fails.
    const locked = /could not get lock|unable to lock/i.test(result.output)
    if (result.status === 0 || !locked || Date.now() > deadline) return result
    await delay(lockPauseMs)
  }
}

function listsAreOld(output: string): boolean {
  return /unable to locate package|no installation candidate|unable to fetch|failed to fetch|not available/i.test(
    output,
  )
}

async function installWithBrew(brew: string, missing: readonly Part[], progress: Progress): Promise<void> {
  const formulae = missing.map((part) => needs[part].brew)
  progress(`installing ${formulae.join(', ')} with Homebrew ...`)
  const env = { HOMEBREW_NO_AUTO_UPDATE: '1', HOMEBREW_NO_ENV_HINTS: '1', NONINTERACTIVE: '1' }
  const result = await runCommand([brew, 'install', '--quiet', ...formulae], {
    timeoutMs: installTimeoutMs,
    env,
  })
  if (result.status === 0) return
  throw new StartupError(
    `Installing ${formulae.join(', ')} with Homebrew failed, so please install ${programNames(missing)} by hand: ${lastLines(result.output)}`,
  )
}

function whatToInstall(missing: readonly Part[], verb: string): string {
  const apt = missing.map((part) => needs[part].apt).join(' ')
  return `Holdfast ${verb} ${programNames(missing)}: install them (on Debian or Ubuntu: sudo apt-get install ${apt}), or set REDIS_URL and DATABASE_URL to servers of your own.`
}

function programNames(missing: readonly Part[]): string {
  return missing.map((part) => needs[part].programs).join(' and ')
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
