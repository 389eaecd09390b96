/** Dark or light: as the system says, unless a person says otherwise; and colours for what is drawn on canvas. */
import { effect, signal } from "@preact/signals"

type Choice = "system" | "dark" | "light"

export type Color =
  | "queued"
  | "running"
  | "sleeping"
  | "stopping"
  | "success"
  | "error"
  | "canceled"
  | "unknown"
  | "text"
  | "dim"
  | "border"
  | "panel"
  | "raised"
  | "accent"
  | "on-fill"

export class Theme {
  readonly choice = signal<Choice>("system")
  /** Rises when colours may have changed. */
  readonly version = signal(0)
  private known = new Map<Color, string>()
  private readonly probe = document.createElement("i")

  start(): void {
    const stored = localStorage.getItem("theme")
    if (stored === "dark" || stored === "light") this.choice.value = stored
    this.probe.hidden = true
    this.probe.style.setProperty("forced-color-adjust", "none")
    document.body.append(this.probe)
    effect(() => {
      const choice = this.choice.value
      if (choice === "system") {
        localStorage.removeItem("theme")
        delete document.documentElement.dataset["theme"]
      } else {
        localStorage.setItem("theme", choice)
        document.documentElement.dataset["theme"] = choice
      }
      this.changed()
    })
    for (const query of ["(prefers-color-scheme: light)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.changed())
    }
  }

  next(): void {
    const { choice } = this
    choice.value = choice.value === "system" ? "dark" : choice.value === "dark" ? "light" : "system"
  }

  /** A colour of the style sheet. It says `light-dark(…)`, so a colour is known only where it is used. */
  color(name: Color): string {
    const known = this.known.get(name)
    if (known !== undefined) return known
    this.probe.style.color = `var(--${name})`
    const { color } = getComputedStyle(this.probe)
    this.known.set(name, color)
    return color
  }

  private changed(): void {
    this.known = new Map()
    this.version.value = this.version.peek() + 1
  }
}
