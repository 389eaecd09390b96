/** Numbers and times, as short as they can be read. What is rounded up to the next unit is written in that unit. */

const grouped = new Intl.NumberFormat("en-US")

export const count = (value: number): string => grouped.format(Math.round(value))

/** A count and its noun. */
export const many = (value: number, one: string, more = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : more}`

/** Four characters or so: 950, 1.2k, 48k. */
export const short = (value: number): string => {
  if (Math.round(value) < 1_000) return `${Math.round(value)}`
  if (value < 9_950) return `${tenths(value / 1_000)}k`
  if (Math.round(value / 1_000) < 1_000) return `${Math.round(value / 1_000)}k`
  return `${tenths(value / 1_000_000)}M`
}

const tenths = (value: number): string => value.toFixed(1).replace(".0", "")

export const rate = (value: number | null): string =>
  value === null ? "–" : value >= 9.95 || value === 0 ? short(value) : value.toFixed(1)

export const duration = (millis: number): string => {
  if (millis < 1) return millis <= 0 ? "0 ms" : "<1 ms"
  if (Math.round(millis) < 1_000) return `${Math.round(millis)} ms`
  if (millis < 9_950) return `${tenths(millis / 1_000)} s`
  const seconds = Math.round(millis / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`
  const hours = Math.round(minutes / 60)
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

const pad = (value: number): string => `${value}`.padStart(2, "0")

export const maybeDuration = (millis: number | null): string => millis === null ? "–" : duration(millis)

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`

export const percent = (fraction: number): string =>
  `${fraction > 0 && fraction < 0.01 ? "<1" : Math.floor(fraction * 100)} %`

export const clock = (at: number): string => new Date(at).toLocaleTimeString("en-GB")

export const clockMillis = (at: number): string => `${clock(at)}.${`${Math.floor(at % 1_000)}`.padStart(3, "0")}`

/** So many characters at most, cut in the middle: paths differ at their ends. What one sees as a character stays whole. */
export const shorten = (text: string, length: number): string => {
  if (text.length <= length) return text
  // letters of other scripts and emoji are made of several
  // oxlint-disable-next-line no-control-regex
  const parts = /^[\u0000-\u02ff]*$/.test(text) ? text : Array.from(segments.segment(text), ({ segment }) => segment)
  if (parts.length <= length) return text
  const end = Math.floor((length - 1) * 0.55)
  const join = (some: string | ReadonlyArray<string>) => typeof some === "string" ? some : some.join("")
  return `${join(parts.slice(0, length - 1 - end))}…${join(parts.slice(parts.length - end))}`
}

const segments = new Intl.Segmenter()
