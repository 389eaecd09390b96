import { assert, describe, it } from "@effect/vitest"
import * as Esbuild from "esbuild"
import { execFileSync } from "node:child_process"
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Vite from "vite"
import webpack from "webpack"

const sources = join(import.meta.dirname, "bundle")
const at = (name: string): string => join(sources, name)
const entries = { main: at("main.entries.ts"), "double.thread": at("double.thread.ts") }

/** Bundles into a folder of its own, far from `node_modules`, and runs what came out. */
const bundled = async (bundle: (out: string) => Promise<unknown>): Promise<string> => {
  const out = mkdtempSync(join(tmpdir(), "threads-bundle-"))
  try {
    writeFileSync(join(out, "package.json"), `{ "type": "module" }`)
    await bundle(out)
    const [main] = globSync(["main.js", "assets/main*.js"], { cwd: out })
    return run(join(out, main!))
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

const run = (program: string): string => execFileSync(process.execPath, [program], { encoding: "utf8" })

const vite = (out: string, build: Vite.BuildEnvironmentOptions, config: Vite.InlineConfig = {}) =>
  Vite.build({
    configFile: false,
    root: sources,
    base: "./",
    logLevel: "silent",
    ...config,
    build: { outDir: out, emptyOutDir: false, target: "esnext", minify: false, ...build }
  })

const external = [/^node:/]

describe("a bundled program runs its handlers on threads", { timeout: 60_000 }, () => {
  it("unbundled", () => assert.strictEqual(run(at("main.ts")), "42\n"))

  it("by esbuild: the module of the threads is a second entry", async () => {
    const options = { bundle: true, platform: "node", format: "esm", target: "node22" } as const
    const printed = await bundled((outdir) => Esbuild.build({ ...options, entryPoints: entries, outdir }))
    assert.strictEqual(printed, "42\n")
  })

  it("by vite for a server: it is a second entry too", async () => {
    const printed = await bundled((out) =>
      vite(
        out,
        { ssr: true, rolldownOptions: { input: entries, output: { entryFileNames: "[name].js" } } },
        { ssr: { noExternal: true } }
      )
    )
    assert.strictEqual(printed, "42\n")
  })

  it("by vite as for a client: it finds the module by itself", async () => {
    const printed = await bundled((out) =>
      vite(
        out,
        { rolldownOptions: { input: at("main.ts"), external }, modulePreload: false },
        { worker: { format: "es", rolldownOptions: { external } } }
      )
    )
    assert.strictEqual(printed, "42\n")
  })

  it("by webpack: it finds the module by itself", async () => {
    const printed = await bundled((path) =>
      new Promise<void>((resolve, reject) => {
        webpack({
          mode: "development",
          devtool: false,
          context: sources,
          target: "node22",
          entry: { main: at("main.ts") },
          output: {
            path,
            filename: "[name].js",
            chunkFilename: "[id].js",
            module: true,
            chunkFormat: "module",
            library: { type: "module" }
          },
          experiments: { outputModule: true },
          module: {
            parser: { javascript: { worker: ["Worker from node:worker_threads", "..."] } },
            rules: [{ test: /\.ts$/, loader: at("strip-types.cjs") }]
          }
        }, (error, stats) => {
          const wrong = error ?? (stats?.hasErrors() === true ? new Error(stats.toString("errors-only")) : undefined)
          if (wrong === undefined || wrong === null) resolve()
          else reject(wrong)
        })
      })
    )
    assert.strictEqual(printed, "42\n")
  })
})
