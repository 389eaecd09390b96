/** The page, built into `dist-web`, which the server serves. No script and no style is inline: its policy forbids both. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { defineConfig, type Plugin } from "vite"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Beside each file, the same compressed: the server has no time for the best, and its users' browsers all take it. */
const compressed: Plugin = {
  name: "compressed",
  closeBundle() {
    const folder = here("../dist-web/")
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!/\.(?:html|js|css|svg)$/.test(name)) continue
      const body = readFileSync(folder + name)
      writeFileSync(`${folder}${name}.br`, brotliCompressSync(body))
      writeFileSync(`${folder}${name}.gz`, gzipSync(body, { level: 9 }))
    }
  }
}

export default defineConfig({
  root: here("."),
  base: "./",
  plugins: [compressed],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: here("../dist-web"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true
  }
})
