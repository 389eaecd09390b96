/** R20: dispatch, and what a step may do. */
import { one, type RuleMutant } from "./rule.ts"

export const dispatch: ReadonlyArray<RuleMutant> = [
  // dispatch
  one(
    "R20",
    "one more than capacity is taken",
    "dispatch/admission.ts",
    "ready.size < settings.capacity",
    "ready.size <= settings.capacity"
  ),
  one(
    "R20",
    "capacity counts what free slots are about to take",
    "dispatch/admission.ts",
    "if (paused || !slots.available) return false",
    "return false"
  ),
  one(
    "R20",
    "one more is taken than the capacity and the free slots",
    "dispatch/admission.ts",
    "ready.size - count < settings.capacity",
    "ready.size - count <= settings.capacity"
  ),
  one(
    "R20",
    "free slots count as waiting for what a full limit holds back",
    "dispatch/admission.ts",
    "const { count, taken } = ready.startable(free)",
    "const { taken } = ready.startable(free)\n  const count = Math.min(ready.size, free)"
  ),
  one(
    "R20",
    "free slots count as waiting for more than a limit has room for",
    "queue/readyQueue.ts",
    "limit.room - (taken.get(limit) ?? 0)",
    "limit.room"
  ),
  one(
    "R20",
    "a dispatch is held back though a slot is free for it",
    "dispatch/admission.ts",
    "return count < free && [...",
    "return false && [..."
  ),
  one(
    "R20",
    "a dispatch that its limit holds back takes a free slot",
    "dispatch/admission.ts",
    "every((limit) => limit.room > (taken.get(limit) ?? 0))",
    "every(() => true)"
  ),
  one(
    "R20",
    "a dispatch is held back by the limit of another key",
    "dispatch/admission.ts",
    "[...limitsFor(run, limitKeys)]",
    "[...limitsFor(run, undefined)]"
  ),
  one(
    "R20",
    "slots that resuming tasks are about to take count as free",
    "dispatch/admission.ts",
    " - resuming.startable",
    ""
  ),
  one(
    "R20",
    "a paused worker pool takes more than its capacity",
    "dispatch/admission.ts",
    "if (paused || !slots.available)",
    "if (!slots.available)"
  ),
  one(
    "R20",
    "a dispatch inside a task is held back",
    "dispatch/accept.ts",
    " && taskAt(how.from) === undefined) return",
    ") return"
  ),
  one("R20", `onFull: "fail" suspends`, "dispatch/admission.ts", `onFull === "fail" ?`, "false ?"),
  one(
    "R20",
    "dispatchers are admitted last come first",
    "queue/suspended.ts",
    "a.order < b.order",
    "a.order > b.order"
  ),
  one(
    "R20",
    "dispatchers are admitted without regard to priority",
    "queue/suspended.ts",
    "a.priority !== b.priority ? a.priority > b.priority : ",
    ""
  ),
  one(
    "R20",
    "who comes when there is room goes before suspended dispatchers",
    "dispatch/admission.ts",
    "suspended.size === 0 && hasRoom(run, how)",
    "hasRoom(run, how)"
  ),
  one(
    "R20",
    "an interrupted dispatcher is admitted later",
    "dispatch/admission.ts",
    "      disarm()\n      suspended.remove(dispatch)\n",
    "      disarm()\n"
  ),
  one(
    "R20",
    "a suspended dispatcher does not notice that its pool is cancelled",
    "transition/stop.ts",
    "      machine.reconsider(pool)\n",
    ""
  ),
  one(
    "R20",
    "a suspended dispatcher does not notice that its pool is sealed",
    "transition/tickets.ts",
    "  machine.reconsider(pool)\n  touch(pool)\n",
    "  touch(pool)\n"
  ),
  one(
    "R20",
    "a suspended dispatcher does not notice that its layer closes",
    "dispatch/registry.ts",
    "    machine.reconsider(job)\n",
    ""
  ),
  {
    rule: "R20",
    name: "a suspended dispatcher notices the close of its first layer alone",
    edits: [
      [
        "dispatch/admission.ts",
        "  const concerns = [machine, pool, job]\n",
        "  const concerns = [machine, pool, job.registrations.at(-1)]\n"
      ],
      ["dispatch/registry.ts", "    machine.reconsider(job)\n", "    machine.reconsider(registration)\n"]
    ]
  },
  one(
    "R20",
    "a suspended dispatcher is refused with its first layer",
    "dispatch/admission.ts",
    "renewed = renew(run, renewed)",
    "renewed"
  ),
  one(
    "R20",
    "a suspended dispatcher does not notice that the worker pool closes",
    "handle/workerPool.ts",
    "    machine.reconsider(machine)\n",
    ""
  ),
  one(
    "R20",
    "a suspended dispatcher does not notice that it could join",
    "dispatch/accept.ts",
    "    if (key !== undefined) machine.reconsider(keyConcern(job, key))\n",
    ""
  ),
  one(
    "R20",
    "a suspended dispatcher does not notice a kept result",
    "transition/lifecycle.ts",
    "    machine.reconsider(keyConcern(job, key))\n",
    ""
  ),
  one(
    "R20",
    "a handler starts on the stack of its dispatch",
    "record/machine.ts",
    "this.dispatcher.scheduleTask(this.turn, 0)",
    "this.turn()"
  ),
  one(
    "R20",
    "a turn runs in the async context of who asked for it",
    "record/machine.ts",
    "inContext(() => this.settings.turn(this))",
    "this.settings.turn(this)"
  ),
  // steps
  one(
    "R20",
    "a fiber goes on in the middle of a transition",
    "transition/slot.ts",
    `  run.task.machine.tell({ _tag: "goOn", run, waits: takeClaimants(waiting) })`,
    "  for (const wait of takeClaimants(waiting)) wait.goOn()"
  ),
  one(
    "R20",
    "waiters wake in the middle of a transition",
    "record/machine.ts",
    `this.tell({ _tag: "wake", waiters: takeWaiters(source) })`,
    "for (const waiter of takeWaiters(source)) waiter.wake()"
  ),
  one(
    "R20",
    "handlers are interrupted in the middle of a cancel",
    "transition/stop.ts",
    `started[0].task.machine.tell({ _tag: "interrupt", runs: started })`,
    "for (const run of started) run.execution?.fiber?.interruptUnsafe()"
  ),
  {
    rule: "R20",
    name: "an inbox shuts down in the middle of an exit",
    edits: [
      [
        "transition/lifecycle.ts",
        `import * as event from`,
        `import * as Queue from "effect/Queue"\nimport * as event from`
      ],
      ["transition/lifecycle.ts", `machine.tell({ _tag: "shutdown", inbox })`, "Queue.shutdownUnsafe(inbox)"]
    ]
  },
  {
    rule: "R20",
    name: "hooks run in the middle of an exit",
    edits: [
      [
        "transition/lifecycle.ts",
        `import * as event from`,
        `import { runHooks } from "../run/hooks.ts"\nimport * as event from`
      ],
      ["transition/lifecycle.ts", `machine.tell({ _tag: "hooks", run })`, "runHooks(task, () => settle(run))"]
    ]
  },
  {
    rule: "R20",
    name: "a label is made in the middle of an exit",
    edits: [
      [
        "transition/lifecycle.ts",
        `import * as event from`,
        `import { labelOfFailed } from "../observe/label.ts"\nimport * as event from`
      ],
      ["transition/lifecycle.ts", `task.machine.tell({ _tag: "label", failed })`, "labelOfFailed(failed)"]
    ]
  },
  {
    rule: "R20",
    name: "finalizers run in the middle of a settle",
    edits: [
      [
        "transition/tickets.ts",
        `import * as event from`,
        `import { runEach } from "../run/hooks.ts"\nimport * as event from`
      ],
      [
        "transition/tickets.ts",
        `machine.tell({ _tag: "finalizers", pool })`,
        "runEach(machine, () => pool.finalizers.shift(), () => releasePool(pool))"
      ]
    ]
  }
]
