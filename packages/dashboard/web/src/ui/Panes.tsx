/** The lines between the panes, which move by mouse, by finger and by the arrows. */
import { useLayoutEffect, useState } from "preact/hooks"

const panes = {
  jobs: { name: "Width of the jobs", least: 150, most: 480, usual: 228, grows: 1 },
  inspector: { name: "Width of the inspector", least: 300, most: 900, usual: 420, grows: -1 }
} as const

const step = 24

export const Divider = ({ pane }: { readonly pane: keyof typeof panes }) => {
  const { grows, least, most, name, usual } = panes[pane]
  const [width, setWidth] = useState(() => Number(localStorage.getItem(`width-${pane}`)) || usual)
  const set = (next: number) => {
    const width = Math.round(Math.min(most, Math.max(least, next)))
    localStorage.setItem(`width-${pane}`, `${width}`)
    setWidth(width)
  }
  useLayoutEffect(() => document.documentElement.style.setProperty(`--${pane}-width`, `${width}px`), [width])
  return (
    <div
      class="divider"
      role="separator"
      tabIndex={0}
      aria-label={name}
      aria-orientation="vertical"
      aria-valuenow={width}
      aria-valuemin={least}
      aria-valuemax={most}
      onKeyDown={({ key }) => {
        if (key === "ArrowLeft") set(width - step * grows)
        if (key === "ArrowRight") set(width + step * grows)
      }}
      onDblClick={() => set(usual)}
      onPointerDown={({ currentTarget, pointerId }) => currentTarget.setPointerCapture(pointerId)}
      onPointerMove={({ currentTarget, movementX, pointerId }) => {
        if (currentTarget.hasPointerCapture(pointerId)) set(width + movementX * grows)
      }}
    />
  )
}
