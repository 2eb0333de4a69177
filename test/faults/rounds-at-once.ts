/** Each round waits for most of its time: for leases, deadlines and restarts. */
export const roundsAtOnce = 2
