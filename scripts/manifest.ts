/**
 * `node scripts/manifest.ts publish|restore` in the folder of a package, called by its `prepack` and `postpack`.
 *
 * In the repository `exports` points to the sources, so nothing needs a build. In the tarball it points to `dist`: the
 * manifest is swapped for the time of packing, and the original waits in `build/manifest`.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"

const folder = process.cwd()
const manifest = join(folder, "package.json")
const backups = join(import.meta.dirname, "../build/manifest")
const original = join(backups, `${basename(folder)}.json`)

/** `./src/Job.ts` becomes its two built files; anything else (`null`, `./package.json`) stays. */
const built = (target: string | null) => {
  const path = /^\.\/src\/(.+)\.ts$/.exec(target ?? "")?.[1]
  return path === undefined ? target : { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` }
}

const restore = (): void => {
  if (!existsSync(original)) return
  // an edit made since a pack was killed is worth more than the copy
  const swapped = readFileSync(manifest, "utf8").includes(`"./dist/`)
  if (swapped) writeFileSync(manifest, readFileSync(original))
  rmSync(original)
}

const publish = (): void => {
  restore()
  rmSync(join(folder, "dist"), { recursive: true, force: true })
  // with the declarations of the packages it stands on
  const { status } = spawnSync("tsc", ["-b", "tsconfig.build.json"], { stdio: ["ignore", 2, 2] })
  if (status !== 0) process.exit(1)

  const source = readFileSync(manifest, "utf8")
  const { devDependencies: _, imports: __, ...rest } = JSON.parse(source) // those are for the tests
  const exports = Object.fromEntries(
    Object.entries<string | null>(rest.exports).map(([entry, target]) => [entry, built(target)])
  )
  mkdirSync(backups, { recursive: true })
  writeFileSync(original, source)
  writeFileSync(manifest, JSON.stringify({ ...rest, exports }, null, 2) + "\n")
}

if (process.argv[2] === "publish") publish()
else restore()
