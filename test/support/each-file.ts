import { afterAll, afterEach } from 'vitest'
import { afterEachFile, afterEachTest } from './endings.js'

// Run before each test file, so that its hooks are the first of the file, and the last to be called.
afterEach(() => {
  for (const end of afterEachTest) end()
})
afterAll(async () => {
  for (const end of afterEachFile) await end()
})
