/** An error of Prisma, as far as it tells what its driver said. */
interface DriverFailure {
  meta?: { driverAdapterError?: { cause?: { cause?: unknown } } }
}

/**
 * Why there was no connection to MySQL, such as a wrong password. The driver's pool tries again until its time is
 * up, and then says so; what each try met with stands beside it.
 *
 * @returns undefined for any other error.
 */
export function connectionFailure(error: unknown): string | undefined {
  const cause = (error as DriverFailure | undefined)?.meta?.driverAdapterError?.cause?.cause
  if (typeof cause !== 'string') return undefined
  return cause.replace(/^\(conn:[^)]*\) /, '').replace(/\s*\(pool connections:[^)]*\)$/, '')
}
