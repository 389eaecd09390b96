/** What tests give, checked as all that users give is. */
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Job from "../../Job.ts"
import type * as Task from "../../Task.ts"
import { type Check, refuse, toWord } from "../job/checks.ts"
import { JobTypeId, TaskTypeId } from "../record/typeIds.ts"

const holds = <A>(id: string, mend: string): Check<A> => (value, option, subject) =>
  Predicate.hasProperty(value, id) ? value as A : refuse(subject, option, value, mend)

export const toJob = holds<Job.Any>(JobTypeId, "give a job")

export const toHandle = holds<Task.Any>(TaskTypeId, "give the handle of a task")

export const toExit: Check<Exit.Exit<unknown, unknown>> = (value, option, subject) =>
  Exit.isExit(value) ? value : refuse(subject, option, value, "give an Exit")

const toStatus = toWord<Task.ExitStatus>("success", "canceled", "error")

/** How a task is expected to end. */
export const toExpected: Check<Task.ExitStatus | Exit.Exit<unknown, unknown>> = (value, option, subject) =>
  typeof value === "string" ? toStatus(value, option, subject) : toExit(value, option, subject)
