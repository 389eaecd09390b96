/** What a rate remembers of keys without tasks. */
import { LimitDefinition } from "#internal/job/limit"
import { Family } from "#internal/queue/family"
import type { Driver, Rate } from "#internal/queue/rate"
import { assert, it } from "@effect/vitest"
import { collect } from "../memory/memory.ts"

const window = 1000

/** The rates of a definition, in a time that stands still until it is set. */
const rates = () => {
  const time = { now: 0 }
  const timers = { moment: () => time.now } as Driver["timers"] // nothing is parked: no alarm is set
  const family = new Family(new LimitDefinition(1, window, String), { timers, schedule() {} })
  const start = (key: string) => {
    const rate = family.get(key) as Rate // of a definition with a window
    rate.retain()
    rate.take(time.now)
    rate.forget()
    return rate
  }
  return { family, start, time }
}

it("a rate whose last task leaves again and again takes no more memory each time", async () => {
  const { family, start } = rates()
  const rate = start("a")
  await collect()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 2_000_000; n++) {
    rate.retain()
    rate.forget()
  }
  await collect()
  const after = process.memoryUsage().heapUsed
  assert.isBelow(after - before, 4_000_000)
  assert.isDefined(family.find("a")) // it is not collected itself
})

it("a key that is held does not keep those whose windows are over", () => {
  const { family, start, time } = rates()
  start("held").hold(60 * window)
  start("a")
  start("b")
  time.now = window
  for (let n = 0; n < 2; n++) start("c")
  assert.strictEqual(family.size, 2)
  assert.isDefined(family.find("held"))
  time.now = 61 * window
  start("d")
  assert.strictEqual(family.size, 1)
})
