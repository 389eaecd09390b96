/** A minute of numbers, small: a line each, the lightly filled first one on top. */
import { useEffect, useRef } from "preact/hooks"
import { type Color, color, paint } from "../data/theme.ts"

interface PlotProps {
  readonly values: ReadonlyArray<ReadonlyArray<number>>
  readonly colors: ReadonlyArray<Color>
  /** The top of the plot at least. */
  readonly top: number
}

export const Plot = ({ colors, top, values }: PlotProps) => {
  const ref = useRef<HTMLCanvasElement>(null)
  const theme = paint.value
  useEffect(() => {
    const canvas = ref.current!
    const { clientHeight: height, clientWidth: width } = canvas
    canvas.width = Math.round(width * devicePixelRatio)
    canvas.height = Math.round(height * devicePixelRatio)
    const context = canvas.getContext("2d")!
    context.scale(devicePixelRatio, devicePixelRatio)
    const highest = Math.max(top, ...values.flat())
    for (let i = values.length - 1; i >= 0; i--) {
      drawLine({ context, width, height, highest }, values[i], color(colors[i]), i === 0)
    }
  }, [values, theme])
  return <canvas ref={ref} class="plot" aria-hidden="true" />
}

interface Area {
  readonly context: CanvasRenderingContext2D
  readonly width: number
  readonly height: number
  readonly highest: number
}

const samples = 60

/** The latest sample is on the right; a page that has just begun to watch has the left empty. */
const drawLine = (
  { context, height, highest, width }: Area,
  values: ReadonlyArray<number>,
  paint: string,
  filled: boolean
): void => {
  if (values.length === 0) return
  const x = (i: number) => width - 1 - (values.length - 1 - i) / (samples - 1) * (width - 2)
  context.beginPath()
  values.forEach((value, i) => context.lineTo(x(i), height - 1.5 - value / highest * (height - 4)))
  context.strokeStyle = paint
  context.lineWidth = 1.5
  context.lineJoin = "round"
  context.globalAlpha = filled ? 1 : 0.7
  context.stroke()
  if (!filled) return
  context.lineTo(x(values.length - 1), height)
  context.lineTo(x(0), height)
  context.fillStyle = paint
  context.globalAlpha = 0.15
  context.fill()
}
