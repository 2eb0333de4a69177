/** What has to be undone, in reverse, however the run ends. */
export class Cleanup {
  private readonly tasks: (() => Promise<void> | void)[] = []
  private running: Promise<void> | undefined

  add(task: () => Promise<void> | void): void {
    this.tasks.push(task)
  }

  /** Does all of it even when a part fails. A second call waits for the first. */
  run(): Promise<void> {
    this.running ??= this.runAll()
    return this.running
  }

  private async runAll(): Promise<void> {
    for (let task = this.tasks.pop(); task; task = this.tasks.pop()) {
      try {
        await task()
      } catch (error) {
        console.error(`While ending: ${error instanceof Error ? error.message : error}`)
      }
    }
  }
}
