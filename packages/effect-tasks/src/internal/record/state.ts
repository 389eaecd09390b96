/** The state machine of a task, as a value. */

/** Where a task stands. */
export type State = "Queued" | "Running" | "Sleeping" | "Stopping" | "Exited"

/** The legal transitions. A started task always ends through Stopping; what never started goes straight to Exited. */
export const transitions: { readonly [From in State]: ReadonlyArray<State> } = {
  Queued: ["Running", "Exited"],
  Running: ["Sleeping", "Stopping"],
  Sleeping: ["Running", "Stopping"],
  Stopping: ["Exited"],
  Exited: []
}
