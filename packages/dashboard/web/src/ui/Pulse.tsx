/** The strip that is always there: how the worker pool and the process are, now and over the last minute. */
import type { ComponentChildren } from "preact"
import { useMemo } from "preact/hooks"
import type { Pulse as PulseRow } from "../../../src/Contract.ts"
import { count, maybeDuration, megabytes, rate, short } from "../data/format.ts"
import { version } from "../data/signals.ts"
import { store } from "../data/store.ts"
import type { Color } from "../data/theme.ts"
import { Plot } from "./Plot.tsx"

export const Pulse = () => {
  void version.value
  const { history, pulse } = store
  return (
    <section class="pulse" aria-label="Pulse">
      {pulse === undefined ? null : <Tiles pulse={pulse} history={history[0]} />}
    </section>
  )
}

interface TilesProps {
  readonly pulse: PulseRow
  readonly history: ReadonlyArray<PulseRow>
}

const Tiles = ({ history, pulse }: TilesProps) => (
  <>
    <Tile
      name="Workers busy"
      lines={[["running", ({ busy }) => busy], ["sleeping", ({ sleeping }) => sleeping]]}
      show={count}
      unit={`of ${count(pulse.workers)}`}
      top={pulse.workers}
      {...{ history, pulse }}
    >
      {count(pulse.free)} free · {short(pulse.sleeping)} asleep
    </Tile>
    <Tile name="Queued" lines={[["queued", ({ queued }) => queued]]} show={short} {...{ history, pulse }}>
      {pulse.paused
        ? "paused"
        : pulse.delayed > 0
        ? `${short(pulse.delayed)} delayed`
        : pulse.queued > 0
        ? "ready to run"
        : "nothing waits"}
    </Tile>
    <Tile name="Rate" lines={[["success", ({ rate }) => rate]]} show={rate} unit="/s" {...{ history, pulse }}>
      {short(pulse.complete)} done{pulse.failed > 0 ? <b class="bad">· {short(pulse.failed)} failed</b> : ""}
    </Tile>
    <Tile
      name="Wait p50"
      lines={[["queued", ({ times }) => times.waitP50], ["dim", ({ times }) => times.waitP99]]}
      show={maybeDuration}
      {...{ history, pulse }}
    >
      p99 {maybeDuration(pulse.times.waitP99)}
    </Tile>
    <Tile
      name="Run p50"
      lines={[["running", ({ times }) => times.runP50], ["dim", ({ times }) => times.runP99]]}
      show={maybeDuration}
      {...{ history, pulse }}
    >
      p99 {maybeDuration(pulse.times.runP99)}
    </Tile>
    <Tile
      name="Loop p99"
      lines={[["stopping", ({ loopDelayP99 }) => loopDelayP99]]}
      show={maybeDuration}
      top={20}
      {...{ history, pulse }}
    >
      late, mean {maybeDuration(pulse.loopDelayMean)}
    </Tile>
    <Tile
      name="Heap"
      lines={[["sleeping", ({ heapUsed }) => heapUsed]]}
      show={megabytes}
      {...{ history, pulse }}
    >
      of {megabytes(pulse.heapLimit)}
    </Tile>
  </>
)

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

const Tile = ({ children, history, lines, name, pulse, show, top = 1, unit }: TileProps) => {
  // samples come once a second: plots are not drawn more often
  const values = useMemo(() => lines.map(([, read]) => history.map((each) => read(each) ?? 0)), [history.at(-1)?.at])
  const now = lines[0][1](pulse)
  return (
    <div class="tile" title={minute(name, values[0], show)}>
      <span class="name">{name}</span>
      <strong>
        {now === null ? "–" : show(now)}
        {unit === undefined ? null : <small>{unit}</small>}
      </strong>
      <Plot values={values} colors={lines.map(([color]) => color)} top={top} />
      <span class="more">{children}</span>
    </div>
  )
}

const minute = (name: string, values: ReadonlyArray<number>, show: (value: number) => string): string =>
  values.length === 0 ? "" : `${name}, last minute: ${show(Math.min(...values))} to ${show(Math.max(...values))}`
