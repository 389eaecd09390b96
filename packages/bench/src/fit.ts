/** Whether a cost grows: the slope of a straight line through the points on log-log paper. */

/** The exponent e of the best `cost = c · x^e`. */
export const exponentOf = (points: ReadonlyArray<{ readonly x: number, readonly nanos: number }>): number => {
  const logs = points.map(({ nanos, x }) => [Math.log(x), Math.log(nanos)] as const)
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return covariance / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}

/** Caches alone make a thousand times more cost about twice as much. */
const tolerance = 0.15

export const grows = ({ allowed, exponent }: { readonly allowed: number, readonly exponent: number }): boolean =>
  exponent > allowed + tolerance
