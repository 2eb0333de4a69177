// Prints what the image is made of (CycloneDX): the packages of the lock file but for those that only build and
// test, and optional ones. `npm sbom --omit dev` would leave out what development uses as well, ajv for one.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const shipped = new Set()
for (const [path, { version, dev, devOptional, optional, peer }] of Object.entries(packages)) {
  if (!dev && !devOptional && !optional && !peer)
    shipped.add(`${path.split('node_modules/').at(-1)}@${version}`)
}

const bom = JSON.parse(
  execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  }),
)
const root = bom.metadata.component['bom-ref']
// Not of the folder that it was made in.
bom.metadata.component.name = packages[''].name
const isShipped = (ref) => ref === root || shipped.has(ref)
bom.components = bom.components.filter((component) => isShipped(component['bom-ref']))
bom.dependencies = bom.dependencies
  .filter(({ ref }) => isShipped(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(isShipped) }))
console.log(JSON.stringify(bom, null, 2))
