import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, posix, relative } from 'node:path'
import { promisify } from 'node:util'
import { dockerignore } from './dockerignore.js'

export interface Instruction {
  name: string
  /** As written, with its continued lines joined. */
  text: string
}

/** What a Dockerfile makes: a folder in place of the file system, and how a container of it starts. */
export interface Image {
  from: string
  /** The folder that stands for `/`. */
  root: string
  workdir: string
  environment: Record<string, string>
  user: string
  healthcheck: string[]
  entrypoint: string[]
  command: string[]
}

/**
 * Splits a Dockerfile into its instructions. Heredocs, escape directives and build arguments are not
 * known: the one under test uses none, and an unknown instruction fails the build below.
 */
export function parseDockerfile(text: string): Instruction[] {
  return text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => {
      const match = /^([A-Z]+)\s+(.+)$/.exec(line.trim())
      if (!match) throw new Error(`This is not an instruction: ${line}`)
      return { name: match[1] as string, text: match[2] as string }
    })
}

/**
 * Builds the last stage of a Dockerfile without a container engine. Each stage is a folder in place of
 * the file system; COPY takes from the context what .dockerignore leaves, or from another stage; RUN
 * is a shell in the stage's working folder, with this machine's programs in place of the base image's.
 *
 * USER is only noted. A RUN that adds users or installs system packages would change this machine, so
 * it must be left out here; the Dockerfile under test has none.
 *
 * `npm ci` is replaced: npm looks whether it could be done, and takes the packages that the context has
 * installed, if they are those of the lock file. To unpack them once more took most of the time.
 *
 * @param o.folder where the stages' folders are made
 * @param o.tools the environment of RUN, besides what ENV sets
 */
export async function buildImage(o: {
  context: string
  folder: string
  tools: Readonly<Record<string, string>>
}): Promise<Image> {
  const read = (name: string) => readFile(join(o.context, name), 'utf8')
  const isIgnored = dockerignore(await read('.dockerignore'))
  const stages = new Map<string, Image>()
  let image: Image | undefined
  for (const instruction of parseDockerfile(await read('Dockerfile'))) {
    if (instruction.name === 'FROM') {
      image = await openStage(instruction.text, o.folder, stages)
    } else if (!image) {
      throw new Error(`${instruction.name} comes before FROM.`)
    } else {
      const step = steps[instruction.name]
      if (!step) throw new Error(`${instruction.name} is not known here.`)
      await step(instruction.text, image, { ...o, isIgnored, stages })
    }
  }
  if (!image) throw new Error('The Dockerfile has no FROM.')
  return image
}

interface Build {
  context: string
  tools: Readonly<Record<string, string>>
  isIgnored(path: string): boolean
  stages: ReadonlyMap<string, Image>
}

type Step = (text: string, image: Image, build: Build) => void | Promise<void>

const steps: Readonly<Record<string, Step>> = {
  WORKDIR: async (text, image) => {
    image.workdir = posix.resolve(image.workdir, text)
    await mkdir(join(image.root, image.workdir), { recursive: true })
  },
  ENV: (text, image) => {
    for (const [, name, value] of text.matchAll(/(\w+)=(\S*)/g))
      image.environment[String(name)] = String(value)
  },
  COPY: copy,
  RUN: run,
  EXPOSE: () => {},
  USER: (text, image) => {
    image.user = text
  },
  HEALTHCHECK: (text, image) => {
    image.healthcheck = execForm(text.replace(/^(--\S+\s+)*CMD\s+/, ''))
  },
  ENTRYPOINT: (text, image) => {
    image.entrypoint = execForm(text)
  },
  CMD: (text, image) => {
    image.command = execForm(text)
  },
}

async function openStage(text: string, folder: string, stages: Map<string, Image>): Promise<Image> {
  const [from = '', as, name = String(stages.size)] = text.split(/\s+/)
  if (as !== undefined && as.toUpperCase() !== 'AS') throw new Error(`This FROM is not known here: ${text}`)
  const image: Image = {
    from,
    root: join(folder, `stage-${stages.size}`),
    workdir: '/',
    environment: {},
    user: 'root',
    healthcheck: [],
    entrypoint: [],
    command: [],
  }
  await mkdir(image.root)
  stages.set(name, image)
  return image
}

/** @throws Error for the shell form, under which a shell and not node would get the signals. */
function execForm(text: string): string[] {
  const words: unknown = text.startsWith('[') ? JSON.parse(text) : undefined
  if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
  throw new Error(`This is not in exec form: ${text}`)
}

async function copy(text: string, image: Image, build: Build): Promise<void> {
  const words = text.split(/\s+/)
  const flags = words.filter((word) => word.startsWith('--'))
  const paths = words.filter((word) => !word.startsWith('--'))
  const target = paths.at(-1) ?? ''
  const from = flags.map((flag) => /^--from=(.+)$/.exec(flag)?.[1])[0]
  if (flags.length > (from ? 1 : 0) || paths.length < 2)
    throw new Error(`This COPY is not known here: ${text}`)
  const stage = from === undefined ? undefined : build.stages.get(from)
  if (from !== undefined && !stage) throw new Error(`There is no stage ${from}.`)
  const sources = paths.slice(0, -1)
  const isFolder = sources.length > 1 || /(^\.|\/)$/.test(target)
  for (const source of sources) {
    const path = source.replace(/^\/|\/$/g, '')
    const absolute = join(stage?.root ?? build.context, path)
    const found = await stat(absolute).catch(() => undefined)
    // The contents of a folder are copied, not the folder itself.
    const name = isFolder && !found?.isDirectory() ? basename(path) : ''
    const destination = join(image.root, posix.resolve(image.workdir, target), name)
    const copied = found ? await listFiles(absolute) : []
    const kept = stage ? copied : copied.filter((within) => !build.isIgnored(posix.join(path, within)))
    if (kept.length === 0) throw new Error(`COPY finds nothing: ${source}`)
    const options = { preserveTimestamps: true, verbatimSymlinks: true }
    await Promise.all(kept.map((within) => cp(join(absolute, within), join(destination, within), options)))
  }
}

/** The files of a folder, relative to it; a file's only one is ''. */
async function listFiles(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return ['']
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
}

/**
 * Links, as it is quicker; npm replaces the one file that it would write into. The folders without a name of
 * a package hold what tools keep.
 */
const takeInstalled = `set -e
npm ci --dry-run
mkdir node_modules
for path in "$INSTALLED"/* "$INSTALLED"/.bin; do
  cp -al "$path" node_modules/ 2>/dev/null || cp -a "$path" node_modules/
done
cp "$INSTALLED"/.package-lock.json node_modules/
npm ls --all`

async function run(text: string, image: Image, build: Build): Promise<void> {
  const script = text === 'npm ci' ? takeInstalled : text
  try {
    await promisify(execFile)('/bin/sh', ['-c', script], {
      cwd: join(image.root, image.workdir),
      env: { ...build.tools, ...image.environment, INSTALLED: join(build.context, 'node_modules') },
      timeout: 120_000,
      maxBuffer: 16 * 1024 * 1024,
    })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`RUN ${text} failed: ${error}\n${stdout ?? ''}${stderr ?? ''}`)
  }
}
