/** Where a person is: view, filter and selected task, kept in the address so that it can be shared, and left with Back. */
import { effect, signal } from "@preact/signals"

const views = ["tree", "timeline", "failures", "jobs"] as const
export type View = typeof views[number]

export class Place {
  readonly view = signal<View>("tree")
  readonly filter = signal("")
  readonly selected = signal<string | undefined>(undefined)
  private written = ""

  /** Keeps address and signals the same. */
  start(): void {
    this.read()
    this.written = location.hash
    addEventListener("popstate", () => this.read())
    effect(() => this.write())
  }

  private read(): void {
    this.written = location.hash
    const hash = new URLSearchParams(location.hash.slice(1))
    this.view.value = views.find((view) => view === hash.get("view")) ?? "tree"
    this.filter.value = hash.get("filter") ?? ""
    this.selected.value = hash.get("task") ?? undefined
  }

  private write(): void {
    const hash = new URLSearchParams()
    if (this.view.value !== "tree") hash.set("view", this.view.value)
    if (this.filter.value !== "") hash.set("filter", this.filter.value)
    if (this.selected.value !== undefined) hash.set("task", this.selected.value)
    const text = hash.size === 0 ? "" : `#${hash}`
    if (text === this.written) return
    const before = new URLSearchParams(this.written.slice(1))
    const opens = before.get("view") !== hash.get("view") || (hash.has("task") && !before.has("task"))
    const url = `${location.pathname}${location.search}${text}`
    this.written = text
    // Back closes what was opened; typing leaves no trace
    if (opens) history.pushState(null, "", url)
    else history.replaceState(null, "", url)
  }
}
