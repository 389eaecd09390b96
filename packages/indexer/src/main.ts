/**
 * Indexes a folder: shows how far it is, and reports at the end what is there, which files are copies and what failed.
 *
 * Exit code: 0, 1 when anything failed or was cancelled in the dashboard, 130 after Ctrl-C (also of a page that was kept
 * open).
 */
import * as Interrupts from "./Interrupts.ts"

Interrupts.listen()

// Loading takes most of a second; a Ctrl-C meanwhile is answered with a summary like a later one.
const { main } = await import("./Program.ts")
main()
