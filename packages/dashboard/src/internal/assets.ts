/** The built page, read once: a few files, each also compressed. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"

export interface Asset {
  readonly type: string
  readonly body: Uint8Array
  readonly br: Uint8Array
  readonly gzip: Uint8Array
}

export interface Assets {
  /** By path: "/", "/assets/…"; none where the page is in none of the places. */
  readonly files: ReadonlyMap<string, Asset> | undefined
  readonly places: ReadonlyArray<string>
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml"
}

/** Where the page may be: beside the code, or where the package is when the code was bundled into an application. */
const places = (): ReadonlyArray<string> => {
  const beside = fileURLToPath(new URL("../../dist-web/", import.meta.url))
  try {
    const manifest = createRequire(import.meta.url).resolve("@effect-tasks/dashboard/package.json")
    return [beside, join(dirname(manifest), "dist-web/")]
  } catch {
    return [beside]
  }
}

export const loadAssets = (folders = places()): Assets => {
  const folder = folders.find((each) => existsSync(join(each, "index.html")))
  return { files: folder === undefined ? undefined : readAll(folder), places: folders }
}

const readAll = (folder: string): Assets["files"] => {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => name.replaceAll("\\", "/"))
  return new Map(names.flatMap((name) => {
    const type = types[extname(name)]
    return type === undefined ? [] : [[name === "index.html" ? "/" : `/${name}`, read(join(folder, name), type)]]
  }))
}

/** The build leaves the dear compression beside each file. */
const read = (path: string, type: string): Asset => {
  const body = readFileSync(path)
  const built = (suffix: string) => existsSync(path + suffix) ? readFileSync(path + suffix) : undefined
  return {
    type,
    body,
    br: built(".br") ?? brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
    gzip: built(".gz") ?? gzipSync(body)
  }
}

/** As small as the browser can read it. */
export const encodingOf = (accepted: string | undefined): "br" | "gzip" | undefined => {
  const offers = (accepted ?? "").split(",").map((each) => each.trim()).filter((each) =>
    !/;\s*q=0(?:\.0*)?$/.test(each)
  )
    .map((each) => each.split(";")[0])
  return offers.includes("br") ? "br" : offers.includes("gzip") ? "gzip" : undefined
}
