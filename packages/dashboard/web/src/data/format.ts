/** Numbers and times, as short as they can be read. */

const grouped = new Intl.NumberFormat("en-US")

export const count = (value: number): string => grouped.format(value)

/** Four characters or so: 950, 1.2k, 48k. */
export const short = (value: number): string =>
  value < 1_000
    ? `${Math.round(value)}`
    : value < 10_000
    ? `${tenths(value / 1_000)}k`
    : value < 1_000_000
    ? `${Math.round(value / 1_000)}k`
    : `${tenths(value / 1_000_000)}M`

const tenths = (value: number): string => value.toFixed(1).replace(".0", "")

export const rate = (value: number): string => value >= 10 || value === 0 ? short(value) : value.toFixed(1)

export const duration = (millis: number): string => {
  if (millis < 1) return millis <= 0 ? "0 ms" : "<1 ms"
  if (millis < 1_000) return `${Math.round(millis)} ms`
  const seconds = millis / 1_000
  if (seconds < 60) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} m ${pad(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${pad(minutes % 60)} m` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export const maybeDuration = (millis: number | null): string => millis === null ? "–" : duration(millis)

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`

export const percent = (fraction: number): string =>
  `${fraction > 0 && fraction < 0.01 ? "<1" : Math.floor(fraction * 100)} %`

export const clock = (at: number): string => new Date(at).toLocaleTimeString("en-GB")

export const clockMillis = (at: number): string => `${clock(at)}.${`${Math.floor(at % 1_000)}`.padStart(3, "0")}`

const pad = (value: number): string => `${Math.floor(value)}`.padStart(2, "0")
