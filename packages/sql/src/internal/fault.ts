/** Named points at which a test kills the process. Nothing happens unless a test sets `onPoint`. */

export type Point =
  | "before-insert"
  | "after-insert"
  | "after-accept"
  | "before-outcome"
  | "after-outcome"
  | "before-settle"
  | "retrying"
  | "after-stage"
  | "claimed"
  | "before-return"
  | "before-complete"
  | "after-complete"
  | "in-transaction"
  | "after-cancel"
  | "before-reap"
  | "in-reap"
  | "after-prune"
  | "in-migration"

let onPoint: ((point: Point) => void) | undefined

export const setOnPoint = (f: ((point: Point) => void) | undefined): void => {
  onPoint = f
}

export const reach = (point: Point): void => onPoint?.(point)
