/** An error of Prisma, as far as it tells what its driver said. */
interface DriverFailure {
  meta?: { driverAdapterError?: { cause?: { originalCode?: unknown; cause?: unknown } } }
}

/** No connection of the pool was to be had in time. */
const poolTimeout = '45028'

/**
 * Why there was no connection to MySQL, such as a wrong password. The driver's pool tries again until its time is
 * up, and then says so; what the first try met with stands beside it.
 *
 * @returns undefined for any other error.
 */
export function connectionFailure(error: unknown): string | undefined {
  const failure = (error as DriverFailure | undefined)?.meta?.driverAdapterError?.cause
  if (failure?.originalCode !== poolTimeout || typeof failure.cause !== 'string') return undefined
  return failure.cause.replace(/^\(conn:[^)]*\) /, '').replace(/\s*\(pool connections:[^)]*\)$/, '')
}
