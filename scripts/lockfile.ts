/** package-lock.json names nobody's registry (see .npmrc) and pins every package by its integrity. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

const { packages } = JSON.parse(readFileSync(join(import.meta.dirname, "../package-lock.json"), "utf8")) as {
  readonly packages: Record<
    string,
    { readonly integrity?: string, readonly link?: boolean, readonly resolved?: string }
  >
}

const wrong = Object.entries(packages).filter(([path, { integrity, link, resolved }]) =>
  /^\w+:/.test(resolved ?? "") || (path.includes("node_modules/") && link !== true && integrity === undefined)
)
for (const [path] of wrong) console.log(`package-lock.json: ${path} names a host or has no integrity`)
process.exit(wrong.length > 0 ? 1 : 0)
