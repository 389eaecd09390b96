/** The strip that is always there: how the worker pool and the process are, now and over the last minutes. */
import { type Signal, useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import { useEffect, useMemo, useRef } from "preact/hooks"
import type { Pulse as PulseRow } from "../../../src/Contract.ts"
import { series } from "../../../src/internal/limits.ts"
import { clock, count, duration, maybeDuration, megabytes, percent, rate, short } from "../model/format.ts"
import { type Model, useModel } from "../model/Model.ts"
import type { Color } from "../model/Theme.ts"

const ranges = [["1 m", 60_000], ["5 m", 300_000], ["60 m", 3_600_000]] as const

export const Pulse = () => {
  const { store } = useModel()
  const range = useSignal(0)
  /** The time that the pointer is at, in all tiles. */
  const cursor = useSignal<number | undefined>(undefined)
  void store.version.value
  const { history, pulse } = store
  return (
    <section class="pulse" aria-label="Pulse">
      {pulse === undefined
        ? null
        : <Tiles pulse={pulse} history={history[range.value]} range={range} cursor={cursor} />}
      <div class="ranges" role="group" aria-label="Time range of the plots">
        {ranges.map(([name], i) => (
          <button
            key={name}
            type="button"
            aria-pressed={range.value === i}
            onClick={() => range.value = i}
          >
            {name}
          </button>
        ))}
      </div>
    </section>
  )
}

interface TilesProps {
  readonly pulse: PulseRow
  readonly history: ReadonlyArray<PulseRow>
  readonly range: Signal<number>
  readonly cursor: Signal<number | undefined>
}

const share = (value: number): string => percent(value)

const Tiles = (of: TilesProps) => {
  const { pulse } = of
  return (
    <>
      <Tile name="Workers used" lines={[["running", ({ utilization }) => utilization]]} show={share} top={1} {...of}>
        {count(pulse.busy)} of {pulse.workers > 1e9 ? "∞" : count(pulse.workers)} busy, {short(pulse.sleeping)} asleep
      </Tile>
      <Tile name="Queued" lines={[["queued", ({ queued }) => queued]]} show={short} {...of}>
        {pulse.paused
          ? "paused"
          : pulse.delayed > 0
          ? `${short(pulse.delayed)} delayed`
          : pulse.queued > 0
          ? "ready to run"
          : "nothing waits"}
      </Tile>
      <Tile name="Rate" lines={[["success", ({ rate }) => rate]]} show={rate} unit="/s" {...of}>
        {short(pulse.complete)} done{pulse.failed > 0 ? <b class="bad">· {short(pulse.failed)} failed</b> : ""}
      </Tile>
      <Tile
        name="Wait p50"
        lines={[["queued", ({ times }) => times.waitP50], ["dim", ({ times }) => times.waitP99]]}
        show={duration}
        {...of}
      >
        p99 {maybeDuration(pulse.times.waitP99)}
      </Tile>
      <Tile
        name="Run p50"
        lines={[["running", ({ times }) => times.runP50], ["dim", ({ times }) => times.runP99]]}
        show={duration}
        {...of}
      >
        p99 {maybeDuration(pulse.times.runP99)}
      </Tile>
      <Tile name="Loop p99" lines={[["stopping", ({ loopDelayP99 }) => loopDelayP99]]} show={duration} top={20} {...of}>
        late, mean {maybeDuration(pulse.loopDelayMean)}
      </Tile>
      <Tile name="Heap" lines={[["sleeping", ({ heapUsed }) => heapUsed]]} show={megabytes} {...of}>
        of {megabytes(pulse.heapLimit)}
      </Tile>
    </>
  )
}

type Line = readonly [color: Color, read: (pulse: PulseRow) => number | null]

interface TileProps extends TilesProps {
  readonly name: string
  /** What is plotted; the first is the figure. */
  readonly lines: readonly [Line, ...ReadonlyArray<Line>]
  readonly show: (value: number) => string
  readonly unit?: string
  readonly top?: number
  readonly children: ComponentChildren
}

const Tile = ({ children, cursor, history, lines, name, pulse, range, show, top = 1, unit }: TileProps) => {
  const [, length] = ranges[range.value]
  const at = cursor.value
  const pointed = at === undefined ? undefined : nearest(history, at)
  const value = lines[0][1](pointed ?? pulse)
  return (
    <div class="tile">
      <span class="name">{name}{pointed === undefined ? "" : ` at ${clock(pointed.at)}`}</span>
      <strong>
        {value === null ? "–" : show(value)}
        {unit === undefined ? null : <small>{unit}</small>}
      </strong>
      <Plot {...{ history, lines, top, length, cursor, show }} />
      <span class="more">{children}</span>
    </div>
  )
}

const nearest = (history: ReadonlyArray<PulseRow>, at: number): PulseRow | undefined =>
  history.reduce<PulseRow | undefined>(
    (best, each) => best === undefined || Math.abs(each.at - at) < Math.abs(best.at - at) ? each : best,
    undefined
  )

interface PlotProps extends Pick<TileProps, "history" | "lines" | "cursor" | "show"> {
  /** The top of the plot at least. */
  readonly top: number
  /** How much time it shows. */
  readonly length: number
}

/** Numbers over time, with their top at the axis; the first line is lightly filled. What was not watched stays empty. */
const Plot = ({ cursor, history, length, lines, show, top }: PlotProps) => {
  const model = useModel()
  const ref = useRef<HTMLCanvasElement>(null)
  // samples come once a second: plots are not drawn more often
  const plot = useMemo(() => {
    const values = lines.map(([, read]) => history.map(read))
    return { values, highest: niceTop(Math.max(top, ...values.flat().map((value) => value ?? 0))) }
  }, [history, length])
  const theme = model.theme.version.value
  const at = cursor.value
  const now = history.at(-1)?.at ?? 0
  useEffect(() => drawPlot(ref.current!, model, { ...plot, lines, history, length, now, at }), [plot, theme, at])
  return (
    <div class="plot">
      <span class="axis" aria-hidden="true">{history.length === 0 ? "" : show(plot.highest)}</span>
      <canvas
        ref={ref}
        aria-hidden="true"
        onPointerMove={({ currentTarget, offsetX }) => {
          cursor.value = now - (1 - offsetX / currentTarget.clientWidth) * length
        }}
        onPointerLeave={() => cursor.value = undefined}
      />
    </div>
  )
}

/** A round number from this one on. */
const niceTop = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  return (([1, 2, 3, 5, 10].find((each) => each * power >= value * 0.999) ?? 10) * power)
}

interface Drawing {
  readonly values: ReadonlyArray<ReadonlyArray<number | null>>
  readonly highest: number
  readonly lines: TileProps["lines"]
  readonly history: ReadonlyArray<PulseRow>
  readonly length: number
  readonly now: number
  readonly at: number | undefined
}

const drawPlot = (canvas: HTMLCanvasElement, { theme }: Model, of: Drawing): void => {
  const { clientHeight: height, clientWidth: width } = canvas
  canvas.width = Math.round(width * devicePixelRatio)
  canvas.height = Math.round(height * devicePixelRatio)
  const context = canvas.getContext("2d")!
  context.scale(devicePixelRatio, devicePixelRatio)
  context.fillStyle = theme.color("border")
  context.fillRect(0, 0, width, 1)
  context.fillRect(0, height - 1, width, 1)
  const gap = of.length / series.points * 2.5
  for (let i = of.lines.length - 1; i >= 0; i--) {
    const points = of.values[i].flatMap((value, j) =>
      value === null ? [] : [{
        at: of.history[j].at,
        x: width - 1 - (of.now - of.history[j].at) / of.length * (width - 2),
        y: height - 1.5 - value / of.highest * (height - 3)
      }]
    )
    drawLine(context, points, theme.color(of.lines[i][0]), i === 0, height, gap)
  }
  if (of.at === undefined) return
  context.fillStyle = theme.color("text")
  context.globalAlpha = 0.6
  context.fillRect(width - 1 - (of.now - of.at) / of.length * (width - 2), 0, 1, height)
}

interface Point {
  readonly at: number
  readonly x: number
  readonly y: number
}

const drawLine = (
  context: CanvasRenderingContext2D,
  points: ReadonlyArray<Point>,
  paint: string,
  filled: boolean,
  height: number,
  gap: number
): void => {
  context.strokeStyle = context.fillStyle = paint
  context.lineWidth = 1.5
  context.lineJoin = "round"
  for (const run of runs(points, gap)) {
    context.globalAlpha = filled ? 1 : 0.7
    context.beginPath()
    for (const { x, y } of run) context.lineTo(x, y)
    if (run.length === 1) context.lineTo(run[0].x + 1.5, run[0].y)
    context.stroke()
    if (!filled) continue
    context.lineTo(run.at(-1)!.x, height)
    context.lineTo(run[0].x, height)
    context.globalAlpha = 0.15
    context.fill()
  }
  context.globalAlpha = 1
}

/** What was not watched in between is no line. */
const runs = (points: ReadonlyArray<Point>, gap: number): ReadonlyArray<ReadonlyArray<Point>> => {
  const all: Array<Array<Point>> = []
  for (const point of points) {
    const before = all.at(-1)?.at(-1)
    if (before === undefined || point.at - before.at > gap) all.push([point])
    else all.at(-1)!.push(point)
  }
  return all
}
