/** A real run, watched: the command that `npm start` runs, and its page in a browser. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { launch } from "./browser.ts"

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const browser = await launch()
if (typeof browser === "string") console.warn(`\n${browser}\n`)

describe.skipIf(typeof browser === "string")("a run of the indexer", { timeout: 60_000 }, () => {
  const temp = mkdtempSync(join(tmpdir(), "dashboard-"))
  const files = 12

  beforeAll(() => {
    spawnSync(process.execPath, [at("../../../scripts/ensure-page.ts")], { stdio: "inherit" })
    mkdirSync(join(temp, "photos/2025"), { recursive: true })
    for (let i = 0; i < files; i++) {
      const file = join(temp, `photos/2025/${i}.bin`)
      writeFileSync(file, "")
      truncateSync(file, 64 * 1024 * 1024) // takes a moment to read, and no place on the disk
    }
    writeFileSync(join(temp, "photos/broken.png"), Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"))
  }, 60_000)

  afterAll(async () => {
    if (typeof browser !== "string") await browser.close()
    rmSync(temp, { recursive: true, force: true })
  })

  const line = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text })

  it("is seen in the page while it happens, and after its end", async () => {
    if (typeof browser === "string") return
    const child = spawn(
      process.execPath,
      [at("../../indexer/src/main.ts"), join(temp, "photos"), "--workers", "1", "--keep-open"],
      { env: { ...process.env, XDG_CACHE_HOME: join(temp, "cache") }, stdio: ["ignore", "pipe", "pipe"] }
    )
    const ended = once(child, "exit")
    const said = { out: "", err: "" }
    child.stdout.on("data", (chunk) => said.out += chunk)
    child.stderr.on("data", (chunk) => said.err += chunk)
    const told = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const match = pattern.exec(said.err)
        if (match !== null) return match
        await Promise.race([once(child.stderr, "data"), ended.then(() => assert.fail(`it ended: ${said.err}`))])
      }
    }
    try {
      const [url] = await told(/http:\S+/)
      const page = await browser.newPage({ viewport: { width: 1400, height: 850 } })
      page.setDefaultTimeout(30_000)
      await page.goto(url)
      await page.getByText("Live", { exact: true }).waitFor()
      await page.getByRole("heading", { name: `Indexing ${join(temp, "photos")}` }).waitFor()
      await line(page, "ScanFolder").first().waitFor()
      assert.notInclude(said.err, "stays open", "it is still at work")

      await line(page, "2025/0.bin").filter({ hasText: "success" }).waitFor()
      await line(page, "broken.png").filter({ hasText: "failed" }).first().waitFor()
      await told(/The dashboard stays open/)
      assert.match(said.out, new RegExp(`\\n {2}${files + 1} files in 2 folders`))
      await page.getByRole("region", { name: "Pulse" }).getByText("0 of 1 busy").waitFor()
      // a page that is opened after the end has it all too
      const late = await browser.newPage({ viewport: { width: 1400, height: 850 } })
      await late.goto(url)
      await line(late, "2025/11.bin").filter({ hasText: "success" }).waitFor()
      await late.close()

      child.kill("SIGINT")
      const [code] = await ended
      assert.strictEqual(code, 130)
      await page.getByText("Connection lost").first().waitFor()
    } finally {
      child.kill("SIGKILL")
    }
  })
})
