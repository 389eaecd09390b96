/** A headless browser for the tests of the page, or why there is none. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { type Browser, chromium } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

const find = (): string | undefined =>
  [process.env["CHROMIUM"], ...names.map((name) => `/usr/bin/${name}`)].find((path) =>
    path !== undefined && existsSync(path)
  )

/** Before the tests, once: builds the page, and installs Debian's browser where there is none and this process may. */
export const setup = (): void => {
  spawnSync(process.execPath, [fileURLToPath(new URL("../../../scripts/ensure-page.ts", import.meta.url))], {
    stdio: "inherit"
  })
  if (find() !== undefined || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return
  const options = {
    stdio: "ignore",
    timeout: 180_000,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  } as const
  spawnSync("apt-get", ["update"], options)
  spawnSync("apt-get", ["install", "--yes", "--no-install-recommends", "chromium"], options)
}

/** A browser, or a sentence that says why the tests of the page are left out. */
export const launch = async (): Promise<Browser | string> => {
  const executablePath = find()
  if (executablePath === undefined) {
    return "The tests of the page are LEFT OUT: no Chromium is here, and none could be installed (set CHROMIUM to its path)."
  }
  try {
    return await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] })
  } catch (error) {
    return `The tests of the page are LEFT OUT: ${executablePath} does not start (${String(error).split("\n")[0]}).`
  }
}
