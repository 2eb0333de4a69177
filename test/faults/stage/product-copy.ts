import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** A change of one place in the built product. */
export interface Patch {
  /** Below the root: `lua/...` or `dist/...`. */
  file: string
  /** Stands in the file exactly once. */
  from: string
  to: string
}

/** The built product in a folder of its own, so that a build beside the run does not change it. */
export class ProductCopy {
  private constructor(private readonly folder: string) {}

  /**
   * @param patches deliberate defects; the product itself has no switch for them.
   * @throws Error when the text of a patch does not stand in its file exactly once.
   */
  static async make(folder: string, patches: readonly Patch[] = []): Promise<ProductCopy> {
    await mkdir(folder, { recursive: true })
    for (const part of ['dist', 'lua', 'prisma', 'package.json']) {
      await cp(join(root, part), join(folder, part), { recursive: true })
    }
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const { file, from, to } of patches) {
      const path = join(folder, file)
      const parts = (await readFile(path, 'utf8')).split(from)
      if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places that say: ${from}`)
      await writeFile(path, parts.join(to))
    }
    return new ProductCopy(folder)
  }

  get name(): string {
    return basename(this.folder)
  }

  /** What `node` runs. */
  get mainFile(): string {
    return join(this.folder, 'dist/main.js')
  }
}
