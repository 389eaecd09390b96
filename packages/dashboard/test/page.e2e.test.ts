/** The page in a real browser, against a real server with a real clock. */
import { Dashboard, DashboardLogs, DashboardSpans } from "@effect-tasks/dashboard"
import axe from "axe-core"
import { Effect, Exit, Layer, ManagedRuntime, Schema } from "effect"
import { Job, JobRegistry, TaskPool, WorkerPool } from "effect-tasks"
import { createServer, request, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
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

class Talk extends Job.make("Talk") {}

const jobs = JobRegistry.layer(
  Talk.toLayer(() =>
    Effect.forEach(Array.from({ length: 40 }), (_, i) => Effect.andThen(Effect.log(`line ${i}`), Effect.sleep(150)))
  ),
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
    readonly history?: number,
    readonly allowedHosts?: ReadonlyArray<string>
  } = {}
) => {
  const dashboard = Dashboard.layer({
    port: options.port ?? 0,
    readonly: options.readonly ?? false,
    history: options.history ?? 100_000,
    allowedHosts: options.allowedHosts,
    token,
    title: "photos",
    announce: () => Effect.void
  })
  const runtime = ManagedRuntime.make(
    Layer.merge(jobs, dashboard).pipe(
      Layer.provideMerge(WorkerPool.layer({ workers: options.workers ?? 4 })),
      Layer.provide([DashboardSpans.layer, DashboardLogs.layer])
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
    await page.locator("#tree").focus()
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
    await line(page, "Scan").getByText("for 6 children").waitFor()
    await line(page, "Scan").getByText("0/6").waitFor()
    await page.getByRole("region", { name: "Pulse" }).getByText("4 of 4 busy, 1 asleep").waitFor()
    const jobs = page.getByRole("complementary", { name: "Jobs" })
    await jobs.getByRole("button", { name: "2 queued" }).click()
    await page.getByText("2 of 7 tasks").waitFor()
    assert.include(decodeURIComponent(page.url()), "filter=job:Read+state:queued")
    await line(page, "/photos/5.jpg").waitFor()
    await line(page, "/photos/0.jpg").waitFor({ state: "detached" })
    await page.getByRole("button", { name: "Timeline", exact: true }).click()
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
    await page.getByRole("button", { name: /^Running / }).click()
    assert.strictEqual(await page.getByRole("dialog").count(), 0)
    assert.strictEqual(await page.getByRole("button", { name: /Cancel\b.*…|Run again|Pause|Workers/ }).count(), 0)
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
    assert.strictEqual(await page.title(), "✕ 1 · photos")
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
    assert.strictEqual(await page.locator("[role=row]").count(), 11, "and the head")
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
    await page.getByRole("button", { name: /^Running / }).click()
    await page.getByText("100 of 100 tasks").waitFor()
    // the count is ahead of the tree, which is made anew ten times a second at most: what has no height yet cannot scroll
    await page.locator("#tree[aria-rowcount='101']").waitFor()
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
    await page.getByRole("option", { name: "job: of this job" }).waitFor()
    await page.keyboard.type("b:")
    await page.getByRole("option", { name: "job:Scan" }).waitFor()
    await page.keyboard.type("Re")
    await page.getByRole("option", { name: "job:Read" }).waitFor()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    assert.strictEqual(await page.locator("#filter").inputValue(), "key:photos job:Read ")
    await page.getByText("6 of 7 tasks").waitFor()
    await page.getByRole("button", { name: "job:Read", exact: true }).click()
    await page.getByText("7 of 7 tasks").waitFor()
    assert.include(decodeURIComponent(page.url()), "filter=key:photos")
    await page.locator("#filter").fill("key:photos wait:long")
    const before = await line(page, "/photos/5.jpg").boundingBox()
    await page.getByRole("alert").waitFor()
    assert.deepStrictEqual(await line(page, "/photos/5.jpg").boundingBox(), before, "nothing jumps, nothing goes")
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
    await page.locator("#timeline:focus").waitFor()
    await page.keyboard.press("?")
    await page.getByRole("heading", { name: "Keys" }).waitFor()
  })

  it("shows every task that is kept, whatever has become of its pool and of those above", async () => {
    const running = await serve({ history: 30 })
    const page = await visit(running)
    for (let i = 0; i < 40; i++) {
      await running.runtime.runPromise(TaskPool.use(
        (pool) => Read.dispatch({ path: `/${i}.jpg`, does: "succeed" }, { pool }),
        { name: `folder ${i}` }
      ))
    }
    await page.getByText("30 tasks", { exact: true }).waitFor()
    await page.getByRole("button", { name: /^Success / }).click()
    await page.getByText("30 of 30 tasks").waitFor()
    await page.locator("#tree[aria-rowcount='61']").waitFor()
    await page.locator("#tree").focus()
    await page.keyboard.press("End")
    await line(page, "/39.jpg").waitFor()
  })

  it("keeps the filter that is seen: Escape leaves the field, and nothing else", async () => {
    const running = await serve()
    const page = await visit(running)
    await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 3 }))
    await page.keyboard.press("/")
    await page.keyboard.type("key:2.jpg")
    await page.getByText("1 of 4 tasks").waitFor()
    await page.keyboard.press("Escape")
    assert.strictEqual(await page.locator("#filter").inputValue(), "key:2.jpg")
    await page.getByText("1 of 4 tasks").waitFor()
    assert.strictEqual(await page.evaluate("document.activeElement.id"), "tree")
  })

  it("cancels what the dialogue showed, and counts what is below", async () => {
    const running = await serve()
    const page = await visit(running)
    await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 20 }))
    await line(page, "/photos/19.jpg").waitFor()
    await page.locator("#filter").fill("job:Scan")
    await page.getByText("1 of 21 tasks").waitFor()
    await page.getByRole("button", { name: "Cancel matching …" }).click()
    const dialog = page.getByRole("dialog")
    await dialog.getByText(/1 unfinished task .* and 20 unfinished tasks below it/).waitFor()
    // one more comes while it is asked
    const later = await running.runtime.runPromise(Scan.dispatch({ path: "/later", files: 1 }))
    await page.getByText("2 of 22 tasks").waitFor()
    await dialog.getByRole("button", { name: "Cancel 21 tasks" }).click()
    await page.getByText(/Canceled .* and 20 unfinished tasks below it\./).waitFor()
    assert.notStrictEqual((await running.runtime.runPromise(later.status)).exitStatus._tag, "Some")
  })

  it("groups failures by job and error, and runs a group again", async () => {
    const running = await serve()
    const page = await visit(running)
    for (const path of ["/a b/1.jpg", "/c/2.jpg", "/חופשה/3.jpg"]) {
      await running.runtime.runPromise(Read.dispatch({ path, does: "fail" }))
    }
    await running.runtime.runPromise(Hostile.dispatch({ name: "other" }))
    await page.getByRole("button", { name: "Failures", exact: true }).click()
    await page.getByText("4 failures of 2 kinds").waitFor()
    await page.getByRole("button", { name: /^3 × Read/ }).click()
    await page.getByRole("button", { name: "/c/2.jpg" }).waitFor()
    await page.getByRole("button", { name: "Run all 3 again …" }).click()
    await page.getByRole("dialog").getByRole("button", { name: "Run 3 tasks again" }).click()
    await page.getByText("3 tasks started.").waitFor()
    await page.getByText("7 failures of 2 kinds").waitFor()
  })

  it("does nothing for letters typed elsewhere than in the tree or the timeline", async () => {
    const running = await serve()
    const page = await visit(running)
    await running.runtime.runPromise(Read.dispatch({ path: "/a.jpg", does: "wait" }))
    await line(page, "/a.jpg").waitFor()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.type("hope x r p 2")
    assert.strictEqual(await page.getByRole("dialog").count(), 0)
    assert.isFalse((await running.runtime.runPromise(Effect.flatMap(WorkerPool, ({ status }) => status))).paused)
    await page.locator("#tree").focus()
    await page.keyboard.press("p")
    await page.getByRole("dialog").getByRole("button", { name: "Pause", exact: true }).click()
    await page.getByText("Paused: no task starts").waitFor()
  })

  it("closes the inspector with Back, and keeps the panes as wide as they were made", async () => {
    const running = await serve()
    const page = await visit(running)
    await running.runtime.runPromise(Read.dispatch({ path: "/a.jpg", does: "wait" }))
    await line(page, "/a.jpg").click()
    const inspector = page.getByRole("complementary", { name: /^Task / })
    await inspector.waitFor()
    const divider = page.getByRole("separator", { name: "Width of the inspector" })
    const before = Number(await divider.getAttribute("aria-valuenow"))
    await divider.focus()
    await page.keyboard.press("ArrowLeft")
    assert.strictEqual(Number(await divider.getAttribute("aria-valuenow")), before + 24)
    await page.goBack()
    await inspector.waitFor({ state: "detached" })
    await page.goForward()
    await inspector.waitFor()
    assert.strictEqual(Number(await divider.getAttribute("aria-valuenow")), before + 24)
  })

  it("follows the log of a running task", async () => {
    const running = await serve()
    const page = await visit(running)
    const task = await running.runtime.runPromise(Talk.dispatch())
    await line(page, "Talk").first().click()
    const log = page.getByRole("complementary", { name: `Task ${task.id}` }).getByRole("list", { name: "Log" })
    await log.getByText("line 2", { exact: true }).waitFor()
    await log.getByText("line 12", { exact: true }).waitFor()
  })

  it("opens from a link on another site, and behind a path of a proxy", async () => {
    let target = ""
    const listen = (handle: RequestListener) =>
      new Promise<Server>((resolve) => {
        const server = createServer(handle).listen(0, "127.0.0.1", () => resolve(server))
      })
    const elsewhere = await listen((_, response) => {
      response.setHeader("content-type", "text/html")
      response.end(`<a href="${target}/?token=${token}">dashboard</a>`)
    })
    const proxy = await listen(({ headers, url }, response) => {
      request(`${target}${url?.replace("/sub", "")}`, {
        headers: { ...headers, host: new URL(target).host }
      }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      }).end()
    })
    const portOf = (server: Server) => (server.address() as AddressInfo).port
    const running = await serve({ allowedHosts: [`127.0.0.1:${portOf(proxy)}`] })
    target = running.address
    try {
      const context = await (browser as Browser).newContext()
      contexts.push(context)
      const page = await context.newPage()
      await page.goto(`http://localhost:${portOf(elsewhere)}/`)
      await page.getByRole("link").click()
      await page.getByText("Live", { exact: true }).waitFor()
      assert.notInclude(page.url(), token)
      await page.reload()
      await page.getByText("Live", { exact: true }).waitFor()
      await page.goto(`http://127.0.0.1:${portOf(proxy)}/sub/?token=${token}`)
      await page.getByRole("heading", { name: "effect-tasks" }).waitFor()
      assert.match(page.url(), /\/sub\/$/)
    } finally {
      for (const server of [elsewhere, proxy]) server.close().closeAllConnections()
    }
  })

  it("fits a phone, and everything is there", async () => {
    const running = await serve()
    const page = await visit(running, (page) => page.setViewportSize({ width: 390, height: 844 }))
    await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 6 }))
    await line(page, "/photos/5.jpg").waitFor()
    const isInside = () => page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert.isTrue(await isInside())
    for (const name of ["photos"]) assert.isTrue(await page.getByRole("heading", { name }).isVisible())
    for (const name of ["Pause …", "Workers …", "Keys"]) {
      assert.isTrue(await page.getByRole("button", { name }).isVisible(), name)
    }
    await page.getByRole("button", { name: "Jobs", exact: true }).click()
    await page.getByRole("complementary", { name: "Jobs" }).getByText("Read").waitFor()
    await page.getByRole("button", { name: "Tree", exact: true }).click()
    await line(page, "/photos/5.jpg").click()
    await page.getByRole("button", { name: "Close the inspector" }).waitFor()
    assert.isTrue(await isInside())
    await page.getByRole("button", { name: "Close the inspector" }).click()
    await line(page, "/photos/5.jpg").waitFor()
  })

  it("keeps its colours and its place where colours are forced, motion is reduced and text is doubled", async () => {
    const running = await serve()
    const page = await visit(running, async (page) => {
      await page.emulateMedia({ forcedColors: "active", reducedMotion: "reduce", colorScheme: "dark" })
      // what 200 % make of a window
      await page.setViewportSize({ width: 700, height: 425 })
    })
    await running.runtime.runPromise(Effect.gen(function*() {
      yield* Read.dispatch({ path: "/a.jpg", does: "fail" })
      yield* Scan.dispatch({ path: "/photos", files: 6 })
    }))
    await line(page, "5.jpg").waitFor()
    assert.isTrue(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
    await page.keyboard.press("2")
    await page.locator("#timeline canvas").waitFor()
    const colors = () =>
      page.evaluate(`(() => {
        const canvas = document.querySelector("#timeline canvas")
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
        const seen = new Set()
        for (let i = 0; i < data.length; i += 4) {
          const [r, g, b] = [data[i] >> 4, data[i + 1] >> 4, data[i + 2] >> 4]
          if (Math.max(r, g, b) - Math.min(r, g, b) > 3) seen.add([r, g, b].join())
        }
        return seen.size
      })()`) as Promise<number>
    while (await colors() < 3) await page.waitForTimeout(100)
  })

  it("leaves the names of tasks whole: right to left, of emoji, and long", async () => {
    const running = await serve()
    const page = await visit(running)
    const paths = ["/חופשה בים/תמונה.jpg", "👩‍👩‍👧‍👦 family 🏖️", "a\u0301ccent"]
    for (const path of paths) await running.runtime.runPromise(Read.dispatch({ path, does: "wait" }))
    const long = `/${"very-long-folder/".repeat(10)}end.jpg`
    await running.runtime.runPromise(Read.dispatch({ path: long, does: "wait" }))
    await line(page, "end.jpg").waitFor()
    for (const path of paths) assert.include(await line(page, path).innerText(), path)
    // what is cut says so, and is one text to a screen reader
    assert.match(await line(page, "end.jpg").locator(".key").innerText(), /….+end\.jpg$/)
    assert.strictEqual(await page.getByRole("columnheader").count(), 6)
  })

  it("tells in its title and its icon that nothing comes any more", async () => {
    const running = await serve()
    const page = await visit(running)
    assert.strictEqual(await page.title(), "photos")
    await running.runtime.dispose()
    await page.waitForFunction("document.title.startsWith('⚠ no connection')")
    assert.match(String(await page.locator("link[rel=icon]").getAttribute("href")), /icon-lost\.svg$/)
  })

  it("says what was not watched, and how long the rest takes or that nobody knows", async () => {
    const running = await serve()
    const scan = await running.runtime.runPromise(Scan.dispatch({ path: "/photos", files: 6 }))
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    const page = await visit(running)
    await page.getByText("time left: unknown yet").waitFor()
    await line(page, "Scan").first().click()
    const inspector = page.getByRole("complementary", { name: `Task ${scan.id}` })
    await inspector.getByText("not watched", { exact: true }).waitFor()
    await inspector.getByText(/0 of 6 ended, time left: unknown yet/).waitFor()
    // it ran for an instant and has slept since: nothing else is claimed
    const run = await line(page, "Scan").first().locator(".run").innerText()
    assert.match(run, /^(?:\d+|<1) ms$/)
  })

  it("answers why a task does not run, with who holds it up as a link", async () => {
    const running = await serve({ workers: 1 })
    const page = await visit(running)
    const first = await running.runtime.runPromise(Read.dispatch({ path: "/first.jpg", does: "wait" }))
    const later = await running.runtime.runPromise(Read.dispatch({ path: "/later.jpg", does: "wait" }))
    await running.runtime.runPromise(Read.dispatch({ path: "/delayed.jpg", does: "wait" }, { delay: "5 minutes" }))
    await line(page, "/delayed.jpg").getByText(/due in [45] m .*for its delay/).waitFor()
    await line(page, "/later.jpg").click()
    const inspector = page.getByRole("complementary", { name: `Task ${later.id}` })
    await inspector.getByText("the next").waitFor()
    await inspector.getByText("1 of 1 taken").waitFor()
    await inspector.getByRole("button", { name: /\/first\.jpg/ }).click()
    await page.getByRole("complementary", { name: `Task ${first.id}` }).getByText("Nothing: it holds a worker.")
      .waitFor()
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
      await page.getByRole("button", { name: /^Failed / }).click()
      assert.deepStrictEqual(await findings(page), [], "inspector and filter")
      await page.getByRole("button", { name: "Run again …" }).click()
      await page.getByRole("dialog").getByRole("textbox").waitFor()
      assert.deepStrictEqual(await findings(page), [], "dialogue")
      await page.keyboard.press("Escape")
      await page.getByRole("button", { name: "Timeline", exact: true }).click()
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
