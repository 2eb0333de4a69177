import { lastLines, runCommand } from '#product/embedded/command-run.js'
import { findProgram, thisMachine } from '#product/embedded/machine.js'

const timeoutMs = 240_000

/**
 * Installs PostgreSQL's server with apt, as `src/embedded/install.ts` does for the product's own
 * servers. Debian's package would create a cluster and start it as a service of this machine, which
 * nobody asked for, so its own switch against that is set first.
 *
 * @throws Error with the reason why it cannot.
 */
export async function installPostgres(progress: (line: string) => void): Promise<void> {
  const machine = thisMachine()
  const apt = await findProgram(machine, ['apt-get'])
  const cache = await findProgram(machine, ['apt-cache'])
  const sudo = machine.userId === 0 ? [] : [(await findProgram(machine, ['sudo'])) ?? '', '-n']
  if (!apt || !cache || sudo[0] === '')
    throw new Error('PostgreSQL is not installed, and apt may not be used')
  const asRoot = async (...command: string[]) => {
    const env = ['env', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_SUSPEND=1']
    return runCommand([...sudo, ...env, ...command] as [string, ...string[]], { timeoutMs })
  }
  progress('installing PostgreSQL with apt, for the Medusa peer ...')
  const settings = '/etc/postgresql-common/createcluster.conf'
  const keepQuiet = `mkdir -p ${settings.slice(0, settings.lastIndexOf('/'))} && [ -e ${settings} ] || echo 'create_main_cluster = false' > ${settings}`
  const quiet = await asRoot('sh', '-c', keepQuiet)
  if (quiet.status !== 0) throw new Error(`PostgreSQL is not installed: ${lastLines(quiet.output)}`)
  const install = async () => {
    const names = (await runCommand([cache, 'pkgnames', 'postgresql-'], { timeoutMs: 20_000 })).output
    const servers = names.split('\n').filter((name) => /^postgresql-\d+$/.test(name))
    const server = servers.sort((a, b) => Number(b.slice(11)) - Number(a.slice(11)))[0] ?? 'postgresql'
    const options = ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Options::=--force-confold']
    return asRoot(apt, '-q', ...options, 'install', '-y', '--no-install-recommends', '--no-remove', server)
  }
  let result = await install()
  if (result.status !== 0 && (await asRoot(apt, '-q', 'update')).status === 0) result = await install()
  if (result.status !== 0) throw new Error(`PostgreSQL cannot be installed: ${lastLines(result.output)}`)
}
