import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Those that take longest, longest first, as measured on two cores; the others follow in any order. */
const longFiles = [
  'test/processes.test.ts',
  'test/hostile-requests.test.ts',
  'test/container.test.ts',
  'test/console/stock.test.ts',
  'test/console/page.test.ts',
  'test/recovery/fence.test.ts',
].map((file) => resolve(file))

/** Starts long files first: one that is started last runs alone, and half of the machine has nothing to do. */
export class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const missing = longFiles.filter((file) => !existsSync(file))
    if (missing.length > 0) throw new Error(`There are no such tests: ${missing}`)
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longFiles.indexOf(moduleId)
      return place === -1 ? longFiles.length : place
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
