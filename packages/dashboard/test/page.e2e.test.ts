/** The page in a real browser, against a real server with a real clock. */
import { Dashboard, DashboardSpans } from "@effect-tasks/dashboard"
import axe from "axe-core"
import { Effect, Exit, Layer, ManagedRuntime, Schema } from "effect"
import { Job, JobRegistry, TaskPool, WorkerPool } from "effect-tasks"
import type { Browser, BrowserContext, Page, WebSocketRoute } from "playwright-core"
import { afterAll, afterEach, assert, describe, it } from "vitest"
import { launch } from "./browser.ts"

const browser = await launch()
if (typeof browser === "string") console.warn(`\n${browser}\n`)

class ReadError extends Schema.TaggedError<ReadError>()("ReadError", { path: Schema.String, message: Schema.String }) {}

class Read extends Job.make("Read", {
  payload: { path: Schema.String, does: Schema.Literals(["succeed", "fail", "wait"]) },
  success: Schema.String,
  error: ReadError
}) {}

class Scan extends Job.make("Scan", { payload: { path: Schema.String, files: Schema.Int }, error: Schema.Unknown }) {}

const hostile = `<img src=x onerror="document.title='broken in'">`
class Hostile extends Job.make(hostile, {
  payload: { name: Schema.String },
  error: ReadError,
  progress: Schema.Unknown
}) {}

const jobs = JobRegistry.layer(
  Read.toLayer(({ does, path }) =>
    does === "wait"
      ? Effect.never
      : does === "fail"
      ? Effect.withSpan(Effect.fail(new ReadError({ path, message: `cannot read ${path}` })), "open file")
      : Effect.succeed(`read ${path}`)
  ),
  Scan.toLayer(({ files, path }) =>
    TaskPool.use(
      (pool) =>
        Effect.forEach(
          Array.from({ length: files }, (_, i) => i),
          (i) => Read.dispatch({ path: `${path}/${i}.jpg`, does: "wait" }, { pool })
        ),
      { name: "files" }
    )
  ),
  Hostile.toLayer(({ name }, task) =>
    Effect.andThen(task.report(name), Effect.fail(new ReadError({ path: name, message: name })))
  )
)

const token = "a-token-for-the-page"

const start = async (
  options: {
    readonly port?: number,
    readonly readonly?: boolean,
    readonly workers?: number,
    readonly history?: number
  } = {}
) => {
  const dashboard = Dashboard.layer({
    port: options.port ?? 0,
    readonly: options.readonly ?? false,
    history: options.history ?? 100_000,
    token,
    title: "photos",
    announce: () => Effect.void
  })
  const runtime = ManagedRuntime.make(
    Layer.merge(jobs, dashboard).pipe(
      Layer.provideMerge(WorkerPool.layer({ workers: options.workers ?? 4 })),
      Layer.provide(DashboardSpans.layer)
    )
  )
  const { address } = await runtime.runPromise(Dashboard)
  return { runtime, address, port: Number(new URL(address).port) }
}

type Running = Awaited<ReturnType<typeof start>>

describe.skipIf(typeof browser === "string")("the page", { timeout: 60_000 }, () => {
  const open: Array<Running> = []
  const contexts: Array<BrowserContext> = []
  const problems: Array<string> = []

  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()))
    await Promise.all(open.splice(0).map(({ runtime }) => runtime.dispose()))
    assert.deepStrictEqual(problems.splice(0), [], "the page told of problems")
  })

  afterAll(async () => {
    if (typeof browser !== "string") await browser.close()
  })

  const serve = async (options: Parameters<typeof start>[0] = {}): Promise<Running> => {
    const running = await start(options)
    open.push(running)
    return running
  }

  const visit = async (
    { address }: Running,
    prepare: (page: Page) => Promise<unknown> = async () => {}
  ): Promise<Page> => {
    const context = await (browser as Browser).newContext({ viewport: { width: 1400, height: 850 } })
    contexts.push(context)
    const page = await context.newPage()
    page.setDefaultTimeout(15_000)
    page.on("pageerror", (error) => problems.push(String(error.stack)))
    page.on("console", (message) => {
      // a server that is away is told by the browser itself
      if (message.type() === "error" && !/WebSocket|ERR_CONNECTION/.test(message.text())) problems.push(message.text())
    })
    await prepare(page)
    await page.goto(`${address}/?token=${token}`)
    await page.getByText("Live", { exact: true }).waitFor()
    return page
  }

  const line = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text })

  it("shows a run as it happens", async () => {
    const running = await serve()
    const page = await visit(running)
    assert.notInclude(page.url(), token, "the token does not stay in the address")
    await page.getByText("No tasks yet").waitFor()
    await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 6 }))
    await line(page, "/photos/5.jpg").waitFor()
    await line(page, "Scan").getByText("for its children").waitFor()
    await line(page, "Scan").getByText("0/6").waitFor()
    await page.getByRole("region", { name: "Pulse" }).getByText("0 free · 1 asleep").waitFor()
    const jobs = page.getByRole("complementary", { name: "Jobs" })
    await jobs.getByRole("button", { name: "2 queued" }).click()
    await page.getByText("2 of 7 tasks").waitFor()
    assert.include(decodeURIComponent(page.url()), "filter=job:Read+state:queued")
    await line(page, "/photos/5.jpg").waitFor()
    await line(page, "/photos/0.jpg").waitFor({ state: "detached" })
    await page.getByRole("button", { name: "Timeline" }).click()
    await page.locator("#timeline canvas").waitFor()
    await page.reload()
    await page.getByText("2 of 7 tasks").waitFor()
    await page.locator("#timeline canvas").waitFor()
  })

  it("cancels a subtree, with a reason, after asking", async () => {
    const running = await serve()
    const page = await visit(running)
    const scan = await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 6 }))
    await line(page, "Scan").first().click()
    const inspector = page.getByRole("complementary", { name: `Task ${scan.id}` })
    await inspector.getByRole("button", { name: "Cancel …" }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByText("and 6 unfinished tasks below it").waitFor()
    await dialog.getByLabel("Reason").fill("wrong folder")
    await dialog.getByRole("button", { name: "Cancel task" }).click()
    await page.getByText(`Canceled ${scan.id} and 6 unfinished tasks below it.`).waitFor()
    await inspector.getByText("canceled", { exact: true }).first().waitFor()
    const exit = await running.runtime.runPromise(scan.exit)
    assert.isTrue(Exit.isFailure(exit))
    assert.include(JSON.stringify(exit), "wrong folder")
  })

  it("runs a failed task again with an edited payload, which the job's Schema checks", async () => {
    const running = await serve()
    const page = await visit(running)
    const failed = await running.runtime.runPromise(Read.dispatch({ path: "/a.jpg", does: "fail" }))
    await line(page, "/a.jpg").getByText("failed").waitFor()
    await page.keyboard.press("n")
    const inspector = page.getByRole("complementary", { name: `Task ${failed.id}` })
    await inspector.getByText("cannot read /a.jpg").first().waitFor()
    const spans = inspector.getByRole("list", { name: "Spans" }).getByRole("listitem")
    await spans.filter({ hasText: /failed, began .* inside of Read/ }).getByText("open file").waitFor()
    await inspector.getByRole("button", { name: "Run again …" }).click()
    const payload = page.getByRole("dialog").getByRole("textbox")
    await payload.fill(`{"path": "/b.jpg", "does": "fly"}`)
    await page.getByRole("dialog").getByRole("button", { name: "Run again" }).click()
    await page.getByRole("dialog").getByRole("alert").waitFor()
    await payload.fill(`{"path": "/b.jpg", "does": "succeed"}`)
    await page.getByRole("dialog").getByRole("button", { name: "Run again" }).click()
    await page.getByText(/^Started Read-/).waitFor()
    await line(page, "/b.jpg").getByText("success").waitFor()
    await page.getByText(`"read /b.jpg"`).waitFor()
  })

  it("goes on where it was when the connection breaks, and says so when it cannot", async () => {
    const running = await serve()
    const routes: Array<WebSocketRoute> = []
    const page = await visit(running, (page) =>
      page.routeWebSocket(/\/rpc$/, (route) => {
        routes.push(route)
        route.connectToServer()
      }))
    await running.runtime.runPromise(Read.dispatch({ path: "/before.jpg", does: "wait" }))
    await line(page, "/before.jpg").waitFor()
    await routes[0].close()
    await running.runtime.runPromise(Read.dispatch({ path: "/meanwhile.jpg", does: "wait" }))
    await page.locator("[data-resumes='1']").getByText("Live").waitFor()
    await line(page, "/meanwhile.jpg").waitFor()
    assert.strictEqual(await page.getByText("Loaded anew").count(), 0)

    await running.runtime.dispose()
    await page.getByText("Connection lost").waitFor()
    const next = await serve({ port: running.port })
    await next.runtime.runPromise(Read.dispatch({ path: "/after.jpg", does: "wait" }))
    await page.getByText(/Loaded anew at .*: the server restarted/).waitFor()
    await line(page, "/after.jpg").waitFor()
    await line(page, "/before.jpg").waitFor({ state: "detached" })
  })

  it("offers nothing where the server only shows", async () => {
    const running = await serve({ readonly: true })
    const page = await visit(running)
    await running.runtime.runPromise(Read.dispatch({ path: "/a.jpg", does: "wait" }))
    await line(page, "/a.jpg").click()
    await page.getByRole("heading", { name: "States" }).waitFor()
    await page.getByText("read-only").waitFor()
    for (const key of ["x", "r", "p"]) await page.keyboard.press(key)
    await page.getByRole("button", { name: "Running", exact: true }).click()
    assert.strictEqual(await page.getByRole("dialog").count(), 0)
    assert.strictEqual(await page.getByRole("button", { name: /Cancel|Run again|Pause|Drain|Workers/ }).count(), 0)
  })

  it("shows hostile names as text, everywhere", async () => {
    const running = await serve()
    const page = await visit(running)
    const task = await running.runtime.runPromise(Hostile.dispatch({ name: hostile }))
    await line(page, "onerror").first().click()
    const inspector = page.getByRole("complementary", { name: `Task ${task.id}` })
    await inspector.getByText("Failure").first().waitFor()
    await inspector.locator("summary").last().click()
    await inspector.getByRole("button", { name: "Run again …" }).click()
    await page.getByRole("dialog").getByRole("textbox").waitFor()
    await page.keyboard.press("Escape")
    await page.keyboard.press("2")
    await page.waitForTimeout(300)
    assert.strictEqual(await page.title(), "photos")
    assert.strictEqual(await page.locator("img").count(), 0)
  })

  it("holds ten thousand live tasks", async () => {
    const running = await serve({ workers: 8 })
    await running.runtime.runPromise(Scan.dispatch({ path: "/many", files: 10_000 }))
    const page = await visit(running)
    await page.getByText("10,001 tasks").waitFor({ timeout: 30_000 })
    await page.locator("#tree").focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowRight")
    await page.waitForFunction("document.getElementById('tree').scrollHeight > 200000")
    const { first, last, most } = await page.evaluate(scrollThrough)
    assert.isAbove(last, first + 80_000, "it scrolls")
    assert.isBelow(most, 60, "only what is on the screen is in the document, at every frame")
    await page.keyboard.press("/")
    await page.keyboard.type("key:/many/9999")
    await line(page, "/many/9999.jpg").waitFor()
    await page.getByText("1 of 10,001 tasks").waitFor()
  })

  it("leads from a pool to what failed below it", async () => {
    const running = await serve()
    const page = await visit(running)
    await running.runtime.runPromise(Effect.exit(TaskPool.use(
      (pool) =>
        Effect.andThen(
          Read.dispatch({ path: "/good.jpg", does: "succeed" }, { pool }),
          Read.dispatch({ path: "/bad.jpg", does: "fail" }, { pool })
        ),
      { name: "folder" }
    )))
    await line(page, "folder").getByRole("button", { name: "1 ✕" }).click()
    await page.getByRole("complementary", { name: /^Task / }).getByText("cannot read /bad.jpg").first().waitFor()
    await line(page, "/bad.jpg").getByText("ReadError: cannot read /bad.jpg").waitFor()
  })

  it("forgets what the server forgets", async () => {
    const running = await serve({ history: 10 })
    const page = await visit(running)
    const read = (i: number) => Read.run({ path: `/${i}.jpg`, does: "succeed" })
    await running.runtime.runPromise(Effect.forEach(Array.from({ length: 300 }, (_, i) => i), read))
    await line(page, "/299.jpg").waitFor()
    await page.getByText("10 tasks", { exact: true }).waitFor()
    assert.strictEqual(await page.locator("[role=row]").count(), 10)
  })

  it("moves nothing under the pointer", async () => {
    const running = await serve({ workers: 100 })
    const page = await visit(running)
    const tasks = await running.runtime.runPromise(
      Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => Read.dispatch({ path: `/${i}.jpg`, does: "wait" })
      )
    )
    await page.getByRole("button", { name: "Running", exact: true }).click()
    await page.getByText("100 of 100 tasks").waitFor()
    // the count is ahead of the tree, which is made anew ten times a second at most: what has no height yet cannot scroll
    await page.locator("#tree[aria-rowcount='100']").waitFor()
    await page.mouse.move(700, 500)
    await page.mouse.wheel(0, 1_000)
    await line(page, "/50.jpg").hover()
    const before = await line(page, "/50.jpg").boundingBox()
    await running.runtime.runPromise(Effect.forEach(tasks.slice(30, 40), (task) => task.cancel()))
    await page.getByText("90 of 100 tasks").waitFor()
    await line(page, "/38.jpg").waitFor({ state: "detached" })
    assert.deepStrictEqual(await line(page, "/50.jpg").boundingBox(), before)
    await running.runtime.runPromise(tasks[50].cancel())
    await page.getByText("89 of 100 tasks").waitFor()
    // the list is made anew: the next one that is cancelled has gone
    await running.runtime.runPromise(tasks[51].cancel())
    await line(page, "/51.jpg").waitFor({ state: "detached" })
    assert.deepStrictEqual(await line(page, "/50.jpg").boundingBox(), before, "nor does it go while it is pointed at")
    await page.mouse.move(10, 10)
    await line(page, "/50.jpg").waitFor({ state: "detached" })
  })

  it("goes through the timeline by mouse and by keyboard", async () => {
    const running = await serve()
    const page = await visit(running)
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"])
    await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 6 }))
    await line(page, "/photos/5.jpg").waitFor()
    await page.keyboard.press("2")
    const surface = page.locator("#timeline")
    const pinned = page.getByRole("button", { name: "Pinned to now" })
    await surface.hover()
    await page.mouse.wheel(0, 400)
    await page.locator(".tools").getByText("55 s", { exact: true }).waitFor()
    await pinned.waitFor()

    const { height, width, x, y } = (await surface.boundingBox())!
    await page.mouse.move(x + width * 0.5, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(x + width * 0.7, y + height / 2, { steps: 4 })
    await page.mouse.up()
    await page.getByRole("button", { name: "Go to now" }).waitFor()
    await page.keyboard.press("Home")
    await pinned.waitFor()

    // keys go from bar to bar of what is drawn
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await page.keyboard.press("j")
    const inspector = page.getByRole("complementary", { name: /^Task / })
    const first = await inspector.getAttribute("aria-label")
    while (await inspector.getAttribute("aria-label") === first) await page.keyboard.press("j")
    await page.keyboard.press("c")
    await page.getByText("Copied the dispatch call.").waitFor()
    assert.match(await page.evaluate("navigator.clipboard.readText()"), /^yield\* Read\.dispatch\(/)
  })

  it("completes the word that is being typed, and takes words out again", async () => {
    const running = await serve()
    const page = await visit(running)
    await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 6 }))
    await line(page, "/photos/5.jpg").waitFor()
    await page.keyboard.press("/")
    await page.keyboard.type("key:photos jo")
    assert.strictEqual(await page.locator("#filter-words option").first().getAttribute("value"), "key:photos job:Scan")
    await page.keyboard.type("b:Read")
    await page.getByText("6 of 7 tasks").waitFor()
    await page.getByRole("button", { name: "job:Read", exact: true }).click()
    await page.getByText("7 of 7 tasks").waitFor()
    assert.include(decodeURIComponent(page.url()), "filter=key:photos")
    await page.locator("#filter").fill("key:photos wait:long")
    await page.getByRole("alert").waitFor()
    await page.getByText("7 of 7 tasks").waitFor()
  })

  it("can be used by keyboard alone", async () => {
    const running = await serve()
    const scan = await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 3 }))
    const page = await visit(running)
    await line(page, "/photos/2.jpg").waitFor()
    for (const key of ["j", "j", "Enter"]) await page.keyboard.press(key)
    await page.getByRole("heading", { name: "Read" }).waitFor()
    for (const key of ["h", "Enter"]) await page.keyboard.press(key)
    await page.getByRole("complementary", { name: `Task ${scan.id}` }).waitFor()
    await page.keyboard.press("ArrowLeft")
    await line(page, "/photos/2.jpg").waitFor({ state: "detached" })
    await page.keyboard.press("x")
    await page.getByRole("dialog").waitFor()
    await page.keyboard.type("by hand")
    await page.keyboard.press("Enter")
    await page.getByText(`Canceled ${scan.id} and 3 unfinished tasks below it.`).waitFor()
    assert.strictEqual(await page.evaluate("document.activeElement.id"), "tree", "the focus comes back")
    await page.keyboard.press("/")
    await page.keyboard.type("state:canceled")
    await page.keyboard.press("Enter")
    await page.getByText("4 of 4 tasks").waitFor()
    await page.keyboard.press("2")
    await page.locator("#timeline").waitFor()
    await page.keyboard.press("?")
    await page.getByRole("heading", { name: "Keys" }).waitFor()
  })

  for (const scheme of ["dark", "light"] as const) {
    it(`has no serious accessibility findings (${scheme})`, async () => {
      const running = await serve()
      const page = await visit(running, (page) => page.emulateMedia({ colorScheme: scheme }))
      await running.runtime.runPromise(Effect.gen(function*() {
        yield* Read.dispatch({ path: "/a.jpg", does: "fail" })
        yield* Read.dispatch({ path: "/b.jpg", does: "succeed" })
        yield* Scan.dispatch({ path: "/photos", files: 6 })
      }))
      await line(page, "/photos/5.jpg").waitFor()
      assert.deepStrictEqual(await findings(page), [], "tree")
      await page.keyboard.press("n")
      await page.getByText("cannot read /a.jpg").first().waitFor()
      await page.getByRole("button", { name: "Failed", exact: true }).click()
      assert.deepStrictEqual(await findings(page), [], "inspector and filter")
      await page.getByRole("button", { name: "Run again …" }).click()
      await page.getByRole("dialog").getByRole("textbox").waitFor()
      assert.deepStrictEqual(await findings(page), [], "dialogue")
      await page.keyboard.press("Escape")
      await page.getByRole("button", { name: "Timeline" }).click()
      assert.deepStrictEqual(await findings(page), [], "timeline")
    })
  }
})

/** Runs in the page: scrolls the tree frame by frame; the most rows that the document had meanwhile. */
const scrollThrough = async () => {
  // the DOM's types are not among those of the tests
  const page = globalThis as unknown as {
    readonly document: {
      getElementById(id: string): { scrollTop: number },
      querySelectorAll(selector: string): ArrayLike<unknown>
    },
    requestAnimationFrame(next: (at: number) => void): void
  }
  const tree = page.document.getElementById("tree")
  const first = tree.scrollTop
  let most = 0
  for (let i = 0; i < 120; i++) {
    tree.scrollTop += 700
    await new Promise<number>((resolve) => page.requestAnimationFrame(resolve))
    most = Math.max(most, page.document.querySelectorAll("[role=row]").length)
  }
  return { first, last: tree.scrollTop, most }
}

interface Finding {
  readonly id: string
  readonly impact?: string | null
  readonly nodes: ReadonlyArray<{ readonly html: string, readonly failureSummary?: string }>
}

/** Serious findings of axe-core. */
const findings = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate("axe.run()") as { readonly violations: ReadonlyArray<Finding> }
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").flatMap(({ id, nodes }) =>
    nodes.map(({ failureSummary, html }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`)
  )
}
