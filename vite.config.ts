import { defineConfig } from 'vite'

/** Builds the console's page, src/console, into dist/console. It asks nobody but the service for anything. */
export default defineConfig({
  root: 'src/console',
  // Relative, so that the page also works below a path of a reverse proxy.
  base: './',
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: '../../dist/console',
    // The name of a file tells its content, so files of another build do no harm to a page that is open.
    emptyOutDir: true,
    // `light-dark()` in style sheets, as browsers have it since 2024.
    target: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    // The page's policy allows no data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
