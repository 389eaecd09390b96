/** What went wrong, in a line for people. */
export const textOf = (error: unknown): string => {
  const { reason } = Object(error) as { readonly reason?: { readonly cause?: unknown, readonly message?: string } }
  const root = reason?.cause ?? (reason === undefined ? error : reason.message) // errors of effect/workers hide it
  if (!(root instanceof Error)) return String(root)
  return `${(root as { readonly code?: unknown }).code ?? root.name}: ${root.message}`
}
