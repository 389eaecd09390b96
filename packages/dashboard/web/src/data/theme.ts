/** Dark or light: as the system says, unless a person says otherwise. */
import { effect, signal } from "@preact/signals"

type Theme = "system" | "dark" | "light"

const stored = localStorage.getItem("theme")
export const theme = signal<Theme>(stored === "dark" || stored === "light" ? stored : "system")
/** Rises when colours may have changed, for what is drawn on canvas. */
export const paint = signal(0)

export const startTheme = (): void => {
  effect(() => {
    if (theme.value === "system") {
      localStorage.removeItem("theme")
      delete document.documentElement.dataset["theme"]
    } else {
      localStorage.setItem("theme", theme.value)
      document.documentElement.dataset["theme"] = theme.value
    }
    paint.value = paint.peek() + 1
  })
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => paint.value++)
}

export const nextTheme = (): void => {
  theme.value = theme.value === "system" ? "dark" : theme.value === "dark" ? "light" : "system"
}

export type Color =
  | "queued"
  | "running"
  | "sleeping"
  | "stopping"
  | "success"
  | "error"
  | "canceled"
  | "text"
  | "dim"
  | "border"
  | "panel"
  | "raised"
  | "accent"
  | "on-fill"

let known: Partial<Record<Color, string>> = {}
let knownAt = -1

/** The style sheet says `light-dark(…)`: a colour is known only where it is used. */
const resolve = (name: Color): string => {
  probe.style.color = `var(--${name})`
  if (!probe.isConnected) document.body.append(probe)
  return getComputedStyle(probe).color
}

const probe = document.createElement("i")
probe.hidden = true

/** A colour of the style sheet, for canvas. */
export const color = (name: Color): string => {
  if (knownAt !== paint.peek()) {
    known = {}
    knownAt = paint.peek()
  }
  return known[name] ??= resolve(name)
}
