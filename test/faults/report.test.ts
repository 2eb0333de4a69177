import { expect, test } from 'vitest'
import { readFigures, readPage } from './report.js'
import { renderTables } from './report-tables.js'

test('the tables in docs/faults.md are those of docs/faults.json', async () => {
  const page = await readPage()
  expect(page).toBe(renderTables(page, await readFigures()))
})
