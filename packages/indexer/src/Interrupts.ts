/**
 * Ctrl-C once stops the run in good order; twice quits at once.
 */

/** Says so at the first, and ends the process at the second. The first itself is obeyed by the runtime. */
export const listen = (stderr: NodeJS.WriteStream): void => {
  let first: number | undefined
  process.on("SIGINT", () => {
    const now = performance.now()
    if (first === undefined) {
      first = now
      stderr.write("\nStopping; what is indexed is kept. Ctrl-C again quits at once.\n")
    } else if (now - first > echoMillis) {
      process.exit(exitCode)
    }
  })
}

const exitCode = 130

// npm passes on the Ctrl-C that the terminal has already sent to this process, so that one arrives twice.
const echoMillis = 300
