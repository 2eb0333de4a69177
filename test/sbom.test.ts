import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('..', import.meta.url)

test('the bill of materials has all that the service runs on and nothing that builds or tests it', () => {
  const read = (name: string) => JSON.parse(readFileSync(new URL(name, root), 'utf8'))
  const text = execFileSync(process.execPath, ['scripts/sbom.js'], { cwd: root, encoding: 'utf8' })
  const { metadata, components, dependencies } = JSON.parse(text) as {
    metadata: { component: { name: string } }
    components: { 'bom-ref': string }[]
    dependencies: { ref: string; dependsOn: string[] }[]
  }
  const names = new Set(components.map((component) => component['bom-ref'].replace(/@[^@]+$/, '')))
  const { packages } = read('package-lock.json')
  expect(metadata.component.name).toBe('holdfast')
  expect([...Object.keys(read('package.json').dependencies)].filter((name) => !names.has(name))).toEqual([])
  // Of these, development has a use too.
  for (const name of ['ajv', 'semver']) expect(names).toContain(name)
  for (const [path, { dev }] of Object.entries<{ dev?: true }>(packages)) {
    if (dev && packages[path.replace(/.*node_modules/, 'node_modules')] === packages[path]) {
      expect(names).not.toContain(path.replace('node_modules/', ''))
    }
  }
  const refs = new Set(components.map((component) => component['bom-ref']))
  expect(dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref))).toEqual([])
})
