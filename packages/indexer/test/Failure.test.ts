import { assert, describe, it } from "@effect/vitest"
import { Cause, Option } from "effect"
import { TaskCanceled, TaskTimeout } from "effect-tasks"
import { CatalogError } from "../src/CatalogError.ts"
import * as Failure from "../src/Failure.ts"
import { FileNotFound } from "../src/FileError.ts"
import * as FilePath from "../src/FilePath.ts"

const task = { taskId: "IndexFile-1", job: "IndexFile" }

const reason = (cause: Cause.Cause<unknown>) => Option.getOrNull(Failure.reasonOf(cause))

describe("Failure", () => {
  it("tells the reason of a typed failure, a timeout and a defect", () => {
    assert.strictEqual(
      reason(Cause.fail(new FileNotFound({ path: FilePath.resolve("/", "a") }))),
      "no such file or folder"
    )
    assert.strictEqual(reason(Cause.fail(new TaskTimeout({ ...task, phase: "running", after: 1 }))), "took too long")
    assert.strictEqual(reason(Cause.die(new Error("a bug"))), "a bug")
    assert.strictEqual(reason(Cause.die("thrown text")), "thrown text")
  })

  it("does not call a cancelled task a failure, nor one that the catalog failed", () => {
    assert.isNull(reason(Cause.fail(new TaskCanceled(task))))
    assert.isNull(reason(Cause.fail(new CatalogError({ file: "a", problem: "unusable", detail: "disk full" }))))
  })
})
