/** Where a person is: view, filter and selected task, kept in the address so that it can be shared. */
import { effect, signal } from "@preact/signals"

export type View = "tree" | "timeline"

export const view = signal<View>("tree")
export const filterText = signal("")
export const selected = signal<string | undefined>(undefined)

const read = (): void => {
  const hash = new URLSearchParams(location.hash.slice(1))
  view.value = hash.get("view") === "timeline" ? "timeline" : "tree"
  filterText.value = hash.get("filter") ?? ""
  selected.value = hash.get("task") ?? undefined
}

const write = (): void => {
  const hash = new URLSearchParams()
  if (view.value !== "tree") hash.set("view", view.value)
  if (filterText.value !== "") hash.set("filter", filterText.value)
  if (selected.value !== undefined) hash.set("task", selected.value)
  const text = hash.toString()
  const url = `${location.pathname}${location.search}${text === "" ? "" : `#${text}`}`
  if (url !== `${location.pathname}${location.search}${location.hash}`) history.replaceState(null, "", url)
}

/** Keeps address and signals the same. */
export const startPlace = (): void => {
  read()
  addEventListener("hashchange", read)
  effect(write)
}
