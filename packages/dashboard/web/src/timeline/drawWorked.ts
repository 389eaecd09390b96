/** A lane for each worker. */
import type { Bands } from "./bands.ts"
import { lane, lanesTop } from "./layout.ts"
import { barColor, inkColor } from "./paint.ts"
import { clip, label, type Scene } from "./scene.ts"

export const drawWorked = (scene: Scene, worked: Bands["worked"]): void => {
  const { context } = scene
  for (const [worker, stretches] of worked) {
    const y = lanesTop + worker * lane.height + (lane.height - lane.bar) / 2 - scene.top
    if (y < -lane.height || y > scene.height) continue
    for (const { at, row, segment, to } of stretches) {
      const { width, x } = clip(scene, segment.from, to)
      const box = { x, y, width: Math.max(1, width > 3 ? width - 1 : width), height: lane.bar, row, segment: at }
      context.fillStyle = barColor(row, segment.state)
      context.fillRect(x, y, box.width, lane.bar)
      scene.boxes.push(box)
      if (width > 60) label(scene, box, inkColor())
    }
  }
}
