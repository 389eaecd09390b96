/**
 * Numbers as people read them.
 */
import prettyBytes from "pretty-bytes"
import prettyMilliseconds from "pretty-ms"

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })

export const count = (n: number): string => grouped.format(n)

export const counted = (n: number, one: string, many: string = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`

export const bytes = (n: number): string => prettyBytes(n, { maximumFractionDigits: n < 1_000_000 ? 0 : 1 })

export const millis = (n: number): string =>
  n < 60_000 ? `${(n / 1_000).toFixed(1)} s` : prettyMilliseconds(n, { secondsDecimalDigits: 0 })
