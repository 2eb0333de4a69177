import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A process of its own that runs private servers, for the tests that kill it. */
export interface HoldfastProcess {
  redisUrl: string
  serverPids: number[]
  kill(signal: NodeJS.Signals): Promise<void>
}

/**
 * Starts private servers in another process, then runs `afterwards` there (with `servers` in scope).
 * The sources are compiled into the folder, for Node does not run TypeScript.
 */
export async function runHoldfast(build: string, data: string, afterwards = ''): Promise<HoldfastProcess> {
  const main = await compile(build, afterwards)
  const child = spawn(process.execPath, [main, data], { stdio: ['ignore', 'pipe', 'inherit'] })
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

async function compile(build: string, afterwards: string): Promise<string> {
  await mkdir(build, { recursive: true })
  const root = join(import.meta.dirname, '../..')
  const folder = join(root, 'src/embedded')
  const sources = (await readdir(folder)).map((name) => join(folder, name))
  const options = ['--ignoreConfig', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, '--outDir', build, ...sources], {
    cwd: root,
  })
  await writeFile(join(build, 'package.json'), '{"type":"module"}')
  const main = join(build, 'main.js')
  await writeFile(
    main,
    `import { startPrivateServers } from './private-servers.js';
    const servers = await startPrivateServers({ folder: process.argv[2] });
    const serverPids = [servers.redis.pid, servers.mariadb.pid];
    console.log(JSON.stringify({ redisUrl: servers.redisUrl, serverPids }));
    ${afterwards}`,
  )
  return main
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the process has no output')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('the process ended before its servers ran')
}
