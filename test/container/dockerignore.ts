/**
 * Reads a .dockerignore: the last pattern that matches a file or a folder above it decides, and `!`
 * makes it an exception. https://docs.docker.com/build/concepts/context/#dockerignore-files
 *
 * @returns whether a path of the build context is left out.
 */
export function dockerignore(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const excepts = line.startsWith('!')
      return { excepts, pattern: asExpression(excepts ? line.slice(1) : line) }
    })
  return (path) => {
    const parts = path.split('/')
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    const last = rules.findLast(({ pattern }) => paths.some((candidate) => pattern.test(candidate)))
    return last !== undefined && !last.excepts
  }
}

/** `**` stands for any folders, `*` and `?` for characters of one name. */
function asExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/^\/|\/$/g, '')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/?|\*|\?/g, (wildcard) => {
      if (wildcard.startsWith('**')) return '.*'
      return wildcard === '*' ? '[^/]*' : '[^/]'
    })
  return new RegExp(`^${source}$`)
}
