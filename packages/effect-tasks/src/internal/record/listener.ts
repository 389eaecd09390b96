/** Listeners of events. Each has its own buffer; a slow one loses the oldest events and is told how many. */
import type { TaskEvent } from "../../TaskEvent.ts"
import type { Source, Waiter } from "./source.ts"

const bufferSize = 4096

/** One reader of events. */
export class Listener implements Source {
  waiters: Set<Waiter> | undefined
  ended = false
  private news = false
  private buffer: Array<TaskEvent> = []
  private start = 0
  private missed = 0

  get ready(): boolean {
    return this.ended || this.news
  }

  /** Some are told of with the next that are news. */
  offer(event: TaskEvent, news: boolean): void {
    this.buffer.push(event)
    if (news) this.news = true
    if (this.buffer.length - this.start > bufferSize) {
      this.start++
      this.missed++
      if (this.start === bufferSize) this.trim()
    }
  }

  /** Everything since the last time; nothing at the end. */
  takeAll(): ReadonlyArray<TaskEvent> {
    this.trim()
    const events = this.missed === 0 ? this.buffer : [{ _tag: "Missed" as const, count: this.missed }, ...this.buffer]
    this.buffer = []
    this.missed = 0
    this.news = false
    return events
  }

  private trim(): void {
    if (this.start === 0) return
    this.buffer = this.buffer.slice(this.start)
    this.start = 0
  }
}
