import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
const q = Effect.gen(function*() {
  const sql = yield* SqlClient
  console.log(
    yield* sql.unsafe(
      "select job, state, owner, count(*), min(crashes), max(crashes), min(attempt), max(attempt) from effect_tasks group by 1,2,3 order by 1,2,3"
    )
  )
  console.log(yield* sql.unsafe("select * from effect_tasks_nodes"))
  console.log(
    yield* sql.unsafe(
      "select id, job, state, owner, parent_id, owned, claim, attempt, cancel from effect_tasks where state < 4 limit 5"
    )
  )
  console.log(
    yield* sql.unsafe(
      "select pid, state, wait_event, left(query, 80) q, now() - state_change as since from pg_stat_activity where datname is not null"
    )
  )
})
await Effect.runPromise(q.pipe(Effect.provide(PgClient.layer({ url: Redacted.make(process.argv[2]) }))) as any)
