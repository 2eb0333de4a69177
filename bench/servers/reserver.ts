import type { Reserve } from './reserve-app.js'

/** Another way to reserve: what a limit or a peer puts behind the route. */
export interface Reserver {
  reserve: Reserve
  setStock(sku: string, units: number): Promise<void>
  available(sku: string): Promise<number>
  close(): Promise<void>
}

/** What a peer's module exports as `open`; URLs of servers it did not ask for are empty. */
export type OpenReserver = (servers: {
  redisUrl: string
  databaseUrl: string
  postgresUrl: string
}) => Promise<Reserver>
