/** The timeline by keyboard. */
import { selected } from "../data/place.ts"
import { select } from "../data/selection.ts"
import { taskBeside } from "./drawn.ts"
import { pan, pin, showAll, zoom } from "./window.ts"

const move = (step: 1 | -1): void => {
  const next = taskBeside(selected.peek(), step)
  if (next !== undefined) select(next)
}

export const timelineKeys: Readonly<Record<string, () => void>> = {
  "+": () => zoom(1 / 1.5, 0.5),
  "=": () => zoom(1 / 1.5, 0.5),
  "-": () => zoom(1.5, 0.5),
  "0": showAll,
  ArrowLeft: () => pan(-0.2),
  ArrowRight: () => pan(0.2),
  Home: pin,
  End: pin,
  j: () => move(1),
  k: () => move(-1)
}
