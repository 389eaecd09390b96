/** Options, checked and in milliseconds. */
import * as Duration from "effect/Duration"
import type { DurableOptions, Policy as PolicyOptions } from "../Durable.ts"
import type { Settings } from "./runtime.ts"
import type { Policy } from "./store.ts"

const day = Duration.toMillis("1 day")

const refuse = (subject: string, option: string, value: unknown, mend: string): never => {
  throw new TypeError(`${subject}: ${option} is ${JSON.stringify(value) ?? String(value)}: ${mend}`)
}

const nameAllowed = /^[a-z_][a-z0-9_]{0,39}$/

export const toSettings = (options: DurableOptions): Settings => {
  const { clientOnly = false, dispatchTimeout = "30 seconds", grace = "3 seconds", namespace = "default" } = options
  const { notify = true, prune = "1 minute", table = "effect_tasks" } = options
  if (!nameAllowed.test(table)) {
    refuse("Durable.layer", "table", table, "give up to 40 small letters, digits and _, such as \"my_tasks\"")
  }
  if (namespace === "" || namespace.length > 200 || namespace.includes("\0") || !namespace.isWellFormed()) {
    refuse("Durable.layer", "namespace", namespace, "give a text of up to 200 characters")
  }
  return {
    namespace,
    table,
    clientOnly,
    notify,
    grace: millis(grace, "Durable.layer", "grace"),
    dispatchTimeout: millis(dispatchTimeout, "Durable.layer", "dispatchTimeout"),
    pruneEvery: prune === false ? undefined : Math.max(1, millis(prune, "Durable.layer", "prune"))
  }
}

const millis = (value: Duration.Input, subject: string, option: string): number => {
  try {
    return Math.max(0, Duration.toMillis(value))
  } catch {
    return refuse(subject, option, value, "give a duration such as \"3 seconds\"")
  }
}

export const toPolicy = ({ crashes = 3, retention, upgrade, version = 1 }: PolicyOptions, job: string): Policy => {
  const subject = `Job "${job}"`
  if (!Number.isInteger(crashes) || crashes < 1) refuse(subject, "crashes", crashes, "give an integer of at least 1")
  if (!Number.isInteger(version) || version < 0) refuse(subject, "version", version, "give an integer of at least 0")
  if (job.includes("\0") || !job.isWellFormed()) {
    refuse(subject, "tag", job, "databases take no NUL and no half of a surrogate pair")
  }
  const { error, success } = bothOf(retention)
  const kept = (value: Duration.Input | undefined, otherwise: number) => {
    const time = value === undefined ? otherwise : millis(value, subject, "retention")
    return time === Infinity ? null : Math.ceil(time)
  }
  return { keepSuccess: kept(success, day), keepError: kept(error, 7 * day), crashes, version, upgrade }
}

interface Both {
  readonly success?: Duration.Input | undefined
  readonly error?: Duration.Input | undefined
}

/** A duration may be an object too, but has no such fields. */
const bothOf = (retention: PolicyOptions["retention"]): Both =>
  typeof retention === "object" && retention !== null && ("success" in retention || "error" in retention)
    ? retention
    : { success: retention as Duration.Input | undefined, error: retention as Duration.Input | undefined }
