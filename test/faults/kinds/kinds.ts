import { brokenCables } from './broken-cables.js'
import { brokenDisk } from './broken-disk.js'
import { brokenMysql } from './broken-mysql.js'
import type { FaultKind } from './fault-kind.js'
import { fullRedis } from './full-redis.js'
import { killedProcesses } from './killed-processes.js'
import { lostRedis } from './lost-redis.js'
import { promotedReplica } from './promoted-replica.js'
import { rollingRestart } from './rolling-restart.js'
import { storms } from './storms.js'
import { workerPoints } from './worker-points.js'
import { wrongClocks } from './wrong-clocks.js'

/** Every kind of fault, in the order of the table in docs/faults.md. */
export const kinds: readonly FaultKind[] = [
  killedProcesses,
  workerPoints,
  lostRedis,
  promotedReplica,
  brokenMysql,
  brokenCables,
  brokenDisk,
  fullRedis,
  wrongClocks,
  storms,
  rollingRestart,
]
