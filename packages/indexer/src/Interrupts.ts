/**
 * Ctrl-C once stops the run in good order; twice quits at once.
 *
 * Imports nothing, so that it listens before the rest of the program is loaded.
 */
let askedAt: number | undefined
const { promise, resolve } = Promise.withResolvers<void>()

/** Resolves at the first Ctrl-C. */
export const first: Promise<void> = promise

export const isAsked = (): boolean => askedAt !== undefined

/** Ends the process at the second. The first is obeyed by the runtime, once that runs. */
export const listen = (): void => {
  process.on("SIGINT", () => {
    const now = performance.now()
    if (askedAt === undefined) {
      askedAt = now
      resolve()
    } else if (now - askedAt > echoMillis) {
      process.exit(exitCode)
    }
  })
}

const exitCode = 130

// npm passes on the Ctrl-C that the terminal has already sent to this process, so that one arrives twice.
const echoMillis = 300
