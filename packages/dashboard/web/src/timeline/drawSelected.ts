import { selected } from "../data/place.ts"
import { color } from "../data/theme.ts"
import { axis, queue } from "./layout.ts"
import { clip, type Scene } from "./scene.ts"

/** The selected task: outlined, with a line from where it was queued to where it began. Its children are underlined. */
export const drawSelected = (scene: Scene): void => {
  const id = selected.peek()
  if (id === undefined) return
  const { context } = scene
  context.fillStyle = color("text")
  for (const { height, row, width, x, y } of scene.boxes) {
    if (row.parentTaskId === id) context.fillRect(x, y + height - 2, width, 2)
  }
  const boxes = scene.boxes.filter(({ row }) => row.id === id)
  if (boxes.length === 0) return
  context.strokeStyle = color("text")
  context.lineWidth = 2
  for (const { height, width, x, y } of boxes) if (y > axis - 10) context.strokeRect(x, y - 1, width, height + 2)
  const first = boxes.find(({ row, segment }) => row.segments[segment].state === "Running")
  if (first === undefined || first.row.startedAt === null) return
  const { width, x } = clip(scene, first.row.queuedAt, first.row.startedAt)
  if (width < 0) return
  const y = queue.top + queue.height + 1 - scene.top
  context.beginPath()
  context.moveTo(x, y)
  context.lineTo(x + width, y)
  context.lineTo(x + width, first.y)
  context.lineWidth = 1.5
  context.stroke()
}
