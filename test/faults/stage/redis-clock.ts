import { access, chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Machine, thisMachine } from '../../../src/embedded/machine.js'
import { findPrograms } from '../../../src/embedded/programs.js'
import { provideTool } from './tools.js'

const libraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
/** For how long a program believes what the file said. */
const beliefSeconds = 1

/** A machine whose Redis has a clock of its own, which can be set while it runs. */
export class RedisClock {
  private constructor(
    readonly machine: Machine,
    private readonly file: string,
  ) {}

  /** @returns the library that answers for the clock; undefined when it cannot be had. */
  static library(): Promise<string | undefined> {
    return provideTool('libfaketime', async () => {
      for (const folder of libraryFolders) {
        const path = join(folder, 'faketime/libfaketime.so.1')
        const isThere = await access(path).then(
          () => true,
          () => false,
        )
        if (isThere) return path
      }
      return undefined
    })
  }

  /** Puts a Redis before the machine's own that starts it with the library. */
  static async make(folder: string): Promise<RedisClock> {
    const { redis } = await findPrograms(thisMachine())
    const library = await RedisClock.library()
    if (!redis || !library) throw new Error('there is no Redis, or no libfaketime')
    await mkdir(join(folder, 'real'), { recursive: true })
    const file = join(folder, 'offset')
    await writeFile(file, '+0s\n')
    // Redis is one program that acts by the name it is called by.
    await symlink(redis, join(folder, 'real/redis-server'))
    const environment = [
      // Redis' own allocator asks for the time before the library can answer: the system's takes its place.
      `LD_PRELOAD="${library} libc.so.6"`,
      `FAKETIME_TIMESTAMP_FILE="${file}"`,
      `FAKETIME_CACHE_DURATION=${beliefSeconds}`,
      'FAKETIME_DONT_FAKE_MONOTONIC=1',
      'DONT_FAKE_MONOTONIC=1',
    ]
    const wrapper = join(folder, 'redis-server')
    await writeFile(
      wrapper,
      `#!/bin/sh\nexport ${environment.join(' ')}\nexec "${folder}/real/redis-server" "$@"\n`,
    )
    await chmod(wrapper, 0o755)
    const machine = { ...thisMachine(), folders: [folder, ...thisMachine().folders] }
    return new RedisClock(machine, file)
  }

  /** Sets the clock, for what starts or asks from now on. */
  async set(offsetSeconds: number): Promise<void> {
    await writeFile(this.file, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}s\n`)
  }
}
