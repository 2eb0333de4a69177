// Lints the OpenAPI document of the built service. Nothing is started: the routes describe themselves.
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { pino } from 'pino'
import { readConfig } from '#product/config.js'
import { buildApp } from '#product/http/app.js'
import { openRegistry } from '#product/metrics/process-metrics.js'

const app = await buildApp({
  stores: new Map(),
  keyring: { state: 'open', find: () => undefined, afterLook: () => {} },
  rateLimits: {},
  registry: openRegistry('0.0.0'),
  load: { shedding: 'nothing' },
  eventStreamsMax: 1,
  consoleFolder: '',
  connections: readConfig({}),
  ttlSecondsDefault: 900,
  confirmWaitMs: 1000,
  readiness: async () => ({ ready: true, reasons: [], stores: {} }),
  isDraining: () => false,
  logger: pino({ level: 'silent' }),
  version: '0.0.0',
})
await app.ready()

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    'operation-description': 'error',
    'operation-operationId': 'error',
    'parameter-description': 'error',
    'tag-description': 'error',
    'no-invalid-media-type-examples': 'error',
    'no-invalid-parameter-examples': 'error',
    'no-invalid-schema-examples': 'error',
    // Health, readiness and figures take nothing that a client could get wrong.
    'operation-4xx-response': 'off',
  },
})
const problems = await lintFromString({
  source: JSON.stringify(app.swagger(), undefined, 2),
  absoluteRef: 'openapi.json',
  config,
})
for (const { severity, ruleId, message, location } of problems) {
  console.error(`${severity} ${ruleId} at ${location[0]?.pointer}: ${message}`)
}
await app.close()
process.exit(problems.length > 0 ? 1 : 0)
