/** Listeners of events. Each has its own buffer; a slow one loses the oldest events and is told how many. */
import type { TaskEvent } from "../../TaskEvent.ts"
import type { Source, Waiter } from "./source.ts"

/** Makes an event of whom it happened to, its number, its moment and what may be another later. */
export type MakeEvent<A, B> = (subject: A, seq: number, moment: number, detail: B) => TaskEvent

const bufferSize = 4096

/** The columns of a row: what `MakeEvent` makes an event of when a listener takes it. */
const columns = 5

/** One reader of events. */
export class Listener implements Source {
  waiters: Set<Waiter> | undefined
  ended = false
  private news = false
  private rows: Array<any> = []
  private start = 0
  private missed = 0
  private readonly size: number

  constructor(size = bufferSize) {
    this.size = size * columns
  }

  get ready(): boolean {
    return this.ended || this.news
  }

  /** Some are told of with the next that are news. */
  offer<A, B>(make: MakeEvent<A, B>, subject: A, seq: number, moment: number, detail: B, news: boolean): void {
    this.rows.push(make, subject, seq, moment, detail)
    if (news) this.news = true
    if (this.rows.length - this.start > this.size) {
      this.start += columns
      this.missed++
      if (this.start === this.size) this.trim()
    }
  }

  /** Everything since the last time; nothing at the end. */
  takeAll(): ReadonlyArray<TaskEvent> {
    const { missed, rows, start } = this
    const events: Array<TaskEvent> = missed === 0 ? [] : [{ _tag: "Missed", count: missed }]
    for (let i = start; i < rows.length; i += columns) {
      const make: MakeEvent<unknown, unknown> = rows[i]
      events.push(make(rows[i + 1], rows[i + 2], rows[i + 3], rows[i + 4]))
    }
    this.rows = []
    this.start = this.missed = 0
    this.news = false
    return events
  }

  private trim(): void {
    this.rows = this.rows.slice(this.start)
    this.start = 0
  }
}
