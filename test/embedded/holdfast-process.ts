import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A process of its own that runs private servers, for the tests that kill it. */
export interface HoldfastProcess {
  redisUrl: string
  serverPids: number[]
  kill(signal: NodeJS.Signals): Promise<void>
}

/** As `npm test` has built it, for Node does not run TypeScript. */
const built = new URL('../../dist/embedded/private-servers.js', import.meta.url)

/** Starts private servers in another process, then runs `afterwards` there (with `servers` in scope). */
export async function runHoldfast(data: string, afterwards: string): Promise<HoldfastProcess> {
  const program = `import { startPrivateServers } from '${built}';
    const servers = await startPrivateServers({ folder: process.argv[1] });
    const serverPids = [servers.redis.pid, servers.mariadb.pid];
    console.log(JSON.stringify({ redisUrl: servers.redisUrl, serverPids }));
    ${afterwards}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const line = await firstLine(child)
  const { redisUrl, serverPids } = JSON.parse(line) as { redisUrl: string; serverPids: number[] }
  return {
    redisUrl,
    serverPids,
    kill: async (signal) => {
      const exited = child.exitCode ?? child.signalCode ?? once(child, 'exit')
      child.kill(signal)
      await exited
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the process has no output')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('the process ended before its servers ran')
}
