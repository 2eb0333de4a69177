import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '#product/embedded/parent-exit.js'
import type { LoadResult, LoadSpec } from './load-spec.js'

/** The load process as the runner sees it. */
export class LoadGenerator {
  private readonly child: ChildProcess
  private readonly forget: () => void

  constructor() {
    this.child = fork(fileURLToPath(new URL('load-process.js', import.meta.url)))
    this.forget = this.child.pid ? endWithParent(this.child.pid) : () => {}
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** @throws Error when the load process fails or ends. */
  run(spec: LoadSpec): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.child.off('message', onMessage)
        this.child.off('exit', onExit)
      }
      const onMessage = (message: { result?: LoadResult; error?: string }) => {
        settle()
        if (message.result) resolve(message.result)
        else reject(new Error(`the load failed: ${message.error}`))
      }
      const onExit = () => {
        settle()
        reject(new Error('the load process ended'))
      }
      this.child.on('message', onMessage)
      this.child.on('exit', onExit)
      this.child.send(spec)
    })
  }

  stop(): void {
    this.forget()
    this.child.kill('SIGTERM')
  }
}
