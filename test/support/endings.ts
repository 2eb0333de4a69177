/**
 * What the modules of test support leave running is ended by what they add here, once, while they are
 * loaded: many files share them, and a hook of theirs would belong to the first file alone.
 */
export const afterEachTest: (() => void)[] = []
export const afterEachFile: (() => Promise<void>)[] = []
