/** The limits that one definition makes in one worker pool: one, or one of each key. */
import type { LimitDefinition, Resized } from "../job/limit.ts"
import { Permits } from "./limit.ts"
import { type Driver, Rate } from "./rate.ts"

export class Family implements Resized {
  private readonly byKey = new Map<string, Permits | Rate>()
  /** Keys of rates without tasks, in the order in which they lost the last: a rate remembers starts until its window is over. */
  private readonly resting = new Set<string>()
  private readonly definition: LimitDefinition
  private readonly driver: Driver
  private readonly self = new WeakRef<Resized>(this)

  constructor(definition: LimitDefinition, driver: Driver) {
    this.definition = definition
    this.driver = driver
  }

  /** How many have tasks, or remember some. */
  get size(): number {
    this.sweep()
    return this.byKey.size
  }

  find(key: string): Permits | Rate | undefined {
    return this.byKey.get(key)
  }

  get(key: string): Permits | Rate {
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    this.sweep()
    const made = this.make(key)
    this.byKey.set(key, made)
    if (this.byKey.size === 1) this.enter()
    return made
  }

  resized(): void {
    for (const limit of this.byKey.values()) limit.resize(this.definition.limit)
    this.driver.schedule()
  }

  private enter(): void {
    const { users } = this.definition
    for (const user of users) if (user.deref() === undefined) users.delete(user)
    users.add(this.self)
  }

  private make(key: string): Permits | Rate {
    const { keyOf, limit, window } = this.definition
    if (window === undefined) return new Permits(limit, "job-concurrency", () => this.delete(key))
    const isKeyed = keyOf !== undefined
    return new Rate({ limit, window, isKeyed }, this.driver, () => this.rest(key))
  }

  private rest(key: string): void {
    this.resting.delete(key) // it is the last again
    this.resting.add(key)
  }

  private sweep(): void {
    for (const key of this.resting) {
      const rate = this.byKey.get(key)
      const isIdle = rate instanceof Rate && rate.users === 0
      if (isIdle && !rate.isForgotten) {
        if (rate.waitingFor === "paused") this.rest(key) // a hold may be longer than the windows of those behind it
        return
      }
      this.resting.delete(key)
      if (isIdle) this.delete(key)
    }
  }

  private delete(key: string): void {
    this.byKey.delete(key)
    if (this.byKey.size === 0) this.definition.users.delete(this.self)
  }
}
