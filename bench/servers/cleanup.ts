/** What has to be undone, in reverse, however the run ends. */
export class Cleanup {
  private readonly tasks: (() => Promise<void> | void)[] = []

  add(task: () => Promise<void> | void): void {
    this.tasks.push(task)
  }

  /** Does all of it even when a part fails; idempotent. */
  async run(): Promise<void> {
    for (let task = this.tasks.pop(); task; task = this.tasks.pop()) {
      try {
        await task()
      } catch (error) {
        console.error(`While ending: ${error instanceof Error ? error.message : error}`)
      }
    }
  }
}
