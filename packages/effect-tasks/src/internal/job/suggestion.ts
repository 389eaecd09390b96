/** The distance of longer names takes too long to work out. */
const longest = 200

/** The name, of those that there are, that a wrong one was most likely meant to be. */
export const nearest = (name: string, names: ReadonlyArray<string>): string | undefined => {
  if (name.length > longest) return undefined
  const limit = Math.max(2, Math.floor(Math.min(name.length, 100) / 3))
  let best: { readonly name: string, readonly distance: number } | undefined
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) > limit) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name: candidate, distance }
  }
  return best?.name
}

const editDistance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      current[j] = Math.min(replaced, previous[j] + 1, current[j - 1] + 1)
    }
    previous = current
  }
  return previous[b.length]
}
