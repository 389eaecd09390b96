/** Notes that say for a moment what became of an action. */
import { signal } from "@preact/signals"

interface Toast {
  readonly id: number
  readonly tone: "good" | "bad"
  readonly text: string
}

export const toasts = signal<ReadonlyArray<Toast>>([])
let lastToast = 0

export const say = (tone: Toast["tone"], text: string): void => {
  const id = ++lastToast
  toasts.value = [...toasts.value.slice(-3), { id, tone, text }]
  setTimeout(() => dismiss(id), tone === "bad" ? 10_000 : 5_000)
}

export const dismiss = (id: number): void => {
  toasts.value = toasts.value.filter((toast) => toast.id !== id)
}
